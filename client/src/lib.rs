//! Regard's client.

pub mod engine;
pub mod store;
pub mod system;
pub mod unix;
