//! The gate: every foreign byte passes here before Automerge sees it.
//!
//! Automerge 0.12 is not hardened: small hostile inputs make it panic, or take gigabytes or seconds, and some damaged input
//! is answered with Ok and not applied. So a change goes through three steps, each of which ends in a verdict with a reason:
//!
//! 1. [`check`] looks at the bytes alone: size, chunk type, bounded inflation, checksum, header, number of operations.
//! 2. [`admit`] looks at the header and what is known of the document: dependencies, sequence and operation numbers, the
//!    frozen first changes. The relay, which opens no document, does the same.
//! 3. [`apply`] hands what passed to Automerge, on a copy, catching panics, and looks whether the change is there afterwards.
//!
//! A change that came before what it follows waits in [`Orphans`], outside of any document. What other programs send by
//! Automerge's own synchronization passes [`check_sync_message`] before that.
//!
//! The gate looks for harm and not for sense: containers, counters, lists and fields that no schema knows pass, since other
//! programs write them and nothing here reads them without a bound.

mod admit;
mod again;
mod apply;
mod bytes;
mod chunk;
mod claimed;
mod columns;
mod header;
mod orphans;
mod redo;
mod sync_message;

pub use admit::{History, Known, Verdict, admit};
pub use again::{Again, again};
pub use apply::{apply, begin};
pub use chunk::{Checked, check};
pub use claimed::hash_of;
pub use header::Header;
pub use orphans::{Leaving, Orphan, Orphans};
pub use redo::{Redone, redo};
pub use sync_message::{Filter, Have, SyncMessage, check_sync_message};
