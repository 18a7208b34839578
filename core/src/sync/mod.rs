//! Synchronization as pure logic: what a relay must know of a document, and what it admits to its log.

mod admission;
mod index;

pub use admission::{Admission, AdmittedIndexes, CheckedUnit, IndexSource, Placed, check_unit};
pub use index::{BadIndex, DocumentIndex, Place};
