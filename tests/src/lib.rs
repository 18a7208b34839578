//! What Regard's suites share.

pub mod corpus;
pub mod harness;
