//! Regard's relay: an append-only log of changes for each scope of a workspace, and who has applied how much of it.
//!
//! A relay carries records between devices and opens none: it judges changes by their headers. What it acknowledges is
//! durable. [`Relay::open`] takes the files, [`Relay::serve`] answers devices until it is told to stop:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let relay = regard_relay::Relay::open("/var/lib/regard".as_ref())?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:7171").await?;
//! relay.serve(listener, async { tokio::signal::ctrl_c().await.unwrap_or(()) }).await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`Desk`] is the same relay without sockets, threads and clock, for simulations.

pub mod admin;
mod ambient;
mod backup;
mod desk;
mod error;
mod metering;
mod quotas;
mod relay;
mod server;
mod store;
pub mod tls;
mod unix;

pub use ambient::{Ambient, Machine};
pub use backup::{Backup, Check, Restored, check, restore};
pub use desk::{Connection, Desk, Due, Logged, Stream};
pub use error::RelayError;
pub use metering::count_metrics;
pub use quotas::{Quota, Quotas};
pub use relay::{Relay, Settings};
pub use store::{FileCheck, Medium, StorageBackend, StoreError, WorkspaceInfo};
pub use unix::{raise_descriptors, terminate_signal};
