//! Regard's client: the store of a device, the engine that keeps it current, the local API, and the `regard` command.
//!
//! - [`store`]: every record of the workspace on this device, in one redb file.
//! - [`engine`]: performs what [`regard_core::sync::Session`] decides.
//! - [`query`]: the filters that people type.
//! - [`import`]: mail, cards and calendars as records.
//! - [`export`]: records as files.
//! - [`transport`]: the way to a relay, encrypted or not.
//! - [`api`]: HTTP and JSON, the one way to a store.
//! - [`cli`]: the command, a caller of the API.
//! - [`settings`]: what the command goes by, from files, environment and flags.
//! - [`doctor`]: what can be wrong with a device, and what mends it.
//! - [`demo`]: plays the main story with real processes.

pub mod api;
pub mod cli;
pub mod demo;
pub mod doctor;
pub mod engine;
pub mod export;
pub mod import;
mod names;
pub mod quarantine_file;
pub mod query;
pub mod relay_http;
pub mod relay_stream;
pub mod saves_file;
pub mod settings;
pub mod store;
pub mod system;
mod tracking;
pub mod transport;
pub mod unix;
