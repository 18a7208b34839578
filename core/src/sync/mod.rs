//! Synchronization as pure logic: what a relay must know of a document and what it admits to its log, and a device's side
//! of the connection as a state machine.

mod admission;
mod backoff;
mod index;
mod reconcile;
pub mod session;

pub use admission::{Admission, AdmittedIndexes, CheckedUnit, IndexSource, Placed, check_unit};
pub use backoff::Backoff;
pub use index::{BadIndex, DocumentIndex, Place};
pub use reconcile::{Difference, differences};
pub use session::{Effect, Event, Link, Queued, Schedule, ScopeStart, Session, Start, Stuck};
