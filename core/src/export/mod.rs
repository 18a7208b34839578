//! Export: records as mail, vCards and iCalendar, the other direction of [`crate::import`].
//!
//! Pure code: an opened record in, text out. Importing what was exported gives the same fields, and every property of the file from
//! which a record came stands in the file that it becomes: those that Regard has a field for are written from the field, the
//! others verbatim from `unknown`.

mod calendar;
mod card;
mod joined;
mod mail;
mod mailbox;

pub(crate) use calendar::made;
pub use calendar::{calendar, calendar_with_uid};
pub use card::card;
pub use joined::JoinedCalendars;
pub(crate) use mail::generated_header;
pub use mail::message;
pub use mailbox::mailbox_entry;
