//! The gate: every foreign byte passes here before Automerge sees it.
//!
//! Automerge 0.12 is not hardened: small hostile inputs make it panic, or take gigabytes or seconds, and some damaged input
//! is answered with Ok and not applied. So a change goes through three steps, each of which ends in a verdict with a reason:
//!
//! 1. [`check`] looks at the bytes alone: size, chunk type, bounded inflation, checksum, header, number of operations.
//! 2. [`admit`] looks at the header and what is known of the document: dependencies, sequence and operation numbers, the
//!    frozen first changes. The relay, which opens no document, does the same.
//! 3. [`apply`] hands what passed to Automerge, on a copy, catching panics, and looks whether the change is there afterwards.

mod admit;
mod again;
mod apply;
mod bytes;
mod chunk;
mod claimed;
mod columns;
mod header;
mod redo;

pub use admit::{History, Known, Verdict, admit};
pub use again::{Again, again};
pub use apply::{apply, begin};
pub use chunk::{Checked, check};
pub use claimed::hash_of;
pub use header::Header;
pub use redo::{Redone, redo};
