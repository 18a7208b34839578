//! Regard's core.
pub mod error;
pub mod id;
pub mod import;
pub mod limits;
pub mod record;
pub mod time;
