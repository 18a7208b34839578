//! Synchronization as pure state machines: events and the time go in, effects come out.

mod backoff;
pub mod session;

pub use session::{Effect, Event, Link, Queued, Session, Start};
