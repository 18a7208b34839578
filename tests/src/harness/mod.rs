//! The real programs, run as people run them: relays and persons as processes in temporary folders.
//!
//! - [`RelayProcess`]: `regard-relay serve`, which can be killed and started again where it was.
//! - [`Person`]: a store, the commands that are typed on it, and `regard up`.
//! - [`Swallower`]: a proxy before a relay that can keep back what is pushed.
//! - [`Proxy`]: a proxy before a relay whose faults are switched while it runs: delays, slow bytes, cuts, resets, silence.
//! - [`Attackers`]: peers of a relay that mean it no good.
//! - [`Running`]: a program that goes on running, with all that it says.
//! - [`Watching`]: `regard watch`, event by event.
//! - [`Streaming`]: a reader of a relay's visibility stream, over a plain socket.
//! - `SmallDisk`: a disk that can be full, on Linux.
//! - [`stores`]: what stands in stores that nobody has open.
//! - [`Transcript`]: what is typed and answered, for snapshots; [`mask`] makes ids and times the same in every run.
//!
//! Nothing here waits for time to pass: every wait is for something that comes about, and fails after [`PATIENCE`].
//! Processes are killed when they are dropped, each by its own id.

mod attack;
pub mod mask;
mod person;
mod process;
mod programs;
mod proxy;
mod relay;
mod running;
mod seed;
#[cfg(target_os = "linux")]
mod small_disk;
pub mod stores;
mod streaming;
mod swallower;
mod transcript;
mod watching;

pub use attack::{Attack, Attackers, Insider};
pub use person::{Person, Said};
pub use programs::{Program, command};
pub use proxy::{Fault, Proxy, Way};
pub use relay::{RelayProcess, free_port};
pub use running::Running;
pub use seed::Seed;
#[cfg(target_os = "linux")]
pub use small_disk::{SmallDisk, limit};
pub use streaming::Streaming;
pub use swallower::Swallower;
pub use transcript::Transcript;
pub use watching::Watching;

use std::time::{Duration, Instant};

/// How long something may take before it has failed. Everything takes milliseconds to seconds; a busy machine takes longer.
pub const PATIENCE: Duration = Duration::from_mins(2);
/// Between two looks at whether something has come about.
const LOOK_EVERY: Duration = Duration::from_millis(15);

/// Looks until `look` answers something.
///
/// # Panics
/// Where nothing has come within [`PATIENCE`]; `what` says what was waited for, and the last look what was there instead.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let started = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(instead) if started.elapsed() > PATIENCE => {
                panic!("{what}: not within {} s; at last: {instead}", PATIENCE.as_secs())
            }
            Err(_) => std::thread::sleep(LOOK_EVERY),
        }
    }
}
