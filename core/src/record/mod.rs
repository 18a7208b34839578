//! Records: what a team tracks, each one an Automerge document.
//!
//! - [`Kind`] and [`schema`]: which fields there are and in which form they are held.
//! - [`genesis`]: the frozen first change of every record, which creates all containers.
//! - [`Document`]: one record opened: read fields with all concurrent values, write what changed.
//! - [`identity`]: ids derived so that two people who track the same thing apart converge on one record.
//! - [`Projection`]: the plain row from which lists are answered without opening a document.
//! - [`assignment`]: `field=value`, as people type it.
//! - [`sheet`]: a record as a TOML document that people edit, merged with what others wrote meanwhile.
//! - [`undo`]: what takes a save back without taking back what came after it.

pub mod assignment;
mod content;
pub(crate) mod document;
pub mod edit;
pub mod genesis;
pub mod identity;
mod kind;
mod notes;
mod projection;
pub mod read;
pub mod schema;
pub mod sheet;
mod text;
pub mod undo;

pub use content::Content;
pub use document::{Document, LoadError, StoredChange, guarded, panics_are_caught};
pub use edit::{Edit, EditError};
pub use kind::Kind;
pub use projection::{Life, Projection};
pub(crate) use text::merge as merge_text;

pub use read::{Alternative, Conflict, Entry, Scalar, Shown};
