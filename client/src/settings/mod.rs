//! The settings of `regard`: from the user's file, the store's own file, the environment and the command line, the later
//! before the earlier.
//!
//! A setting is a line of [`keys::KEYS`], which says what it means and takes, and a field of [`Settings`] with its default:
//! files, environment variables (`REGARD_` and the name in capitals) and the command `config` follow from that. Beneath the
//! files stand what the environment says to all programs: `NO_COLOR`, `PAGER`, `VISUAL` and `EDITOR`.

mod error;
pub mod keys;
mod load;
mod write;

use std::net::SocketAddr;
use std::path::PathBuf;

use regard_core::limits::{ADDRESS_BOOK_EVERY, FRESHNESS_BOUND};
use serde::{Deserialize, Serialize};

pub use error::BadSettings;
pub use keys::Key;
pub use load::{Files, Loaded, Setting};
pub use write::{set, unset};

/// Rows of a list where nobody says how many.
const LIST_LIMIT_DEFAULT: usize = 50;

/// What `regard` goes by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The folder of the store, with its whole path.
    pub store: PathBuf,
    /// Whether what is said has colours.
    pub colour: Colour,
    /// The command through which long output goes; none where it is empty.
    pub pager: String,
    /// The command that opens a file to edit.
    pub editor: String,
    /// Rows of a list.
    pub list_limit: usize,
    /// How old what is shown may be, in seconds.
    pub freshness_bound: u64,
    /// How often the address book is synchronized, in seconds.
    pub address_book_every: u64,
    /// Where the relay that `up` runs listens.
    pub listen: Option<SocketAddr>,
    /// The time zone in which times are shown, where it is not the machine's.
    pub time_zone: Option<String>,
    /// How times are written for people.
    pub date_style: DateStyle,
}

/// Whether there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// On a terminal.
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

/// How times are written for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DateStyle {
    /// As a person says them: `yesterday 18:40:07`.
    Spoken,
    /// `2026-11-22 18:40:07`.
    Iso,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            store: PathBuf::new(),
            colour: Colour::Auto,
            // Quits where all fits the screen, lets colours through, and leaves the text on the screen.
            pager: "less -FRX".into(),
            editor: "vi".into(),
            list_limit: LIST_LIMIT_DEFAULT,
            freshness_bound: FRESHNESS_BOUND.as_secs(),
            address_book_every: ADDRESS_BOOK_EVERY.as_secs(),
            listen: None,
            time_zone: None,
            date_style: DateStyle::Spoken,
        }
    }
}

/// Settings on the command line that all commands take. What is not given leaves the setting to environment and files.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Flags {
    /// The folder of the store.
    #[serde(skip)]
    pub store: Option<PathBuf>,
    /// Whether there are colours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colour: Option<Colour>,
    /// The pager; empty for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pager: Option<String>,
}
