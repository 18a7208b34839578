//! What Regard's suites share.

pub mod bench;
pub mod corpus;
pub mod fuzz;
pub mod harness;
pub mod kills;
pub mod soak;
pub mod world;
