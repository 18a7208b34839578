//! Regard's core.
pub mod error;
pub mod gate;
pub mod id;
pub mod limits;
pub mod record;
pub mod time;
pub mod wire;
