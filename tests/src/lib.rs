//! What Regard's suites share.

pub mod corpus;
