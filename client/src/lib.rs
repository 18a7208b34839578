//! Regard's client.

pub mod store;
pub mod unix;
