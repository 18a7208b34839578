//! Where the relay's time and its randomness come from: the machine, or whoever runs it without one.

use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use regard_core::id::Entropy;
use regard_core::time::Timestamp;
use sha2::{Digest, Sha256};

/// A clock and a source of randomness. Nothing in the relay's stores and in what it decides for devices asks for either
/// elsewhere.
pub trait Ambient: std::fmt::Debug + Send + Sync {
    /// The wall clock. It may jump.
    fn now(&self) -> Timestamp;

    /// How long it has been since some moment in the past; it never goes back. Pauses and lifetimes are measured by it.
    fn steady(&self) -> Duration;

    /// Fills `bytes` with unpredictable bytes. Tokens and secrets are made of them.
    ///
    /// # Errors
    /// Where there are none.
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()>;
}

/// This machine's clocks and its operating system's randomness.
#[derive(Debug)]
pub struct Machine {
    started: Instant,
}

impl Default for Machine {
    fn default() -> Self {
        Self { started: Instant::now() }
    }
}

impl Ambient for Machine {
    fn now(&self) -> Timestamp {
        now()
    }

    fn steady(&self) -> Duration {
        self.started.elapsed()
    }

    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        getrandom::fill(bytes).map_err(|error| io::Error::other(error.to_string()))
    }
}

/// This machine's wall clock, for what has to do with its files alone.
pub(crate) fn now() -> Timestamp {
    let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
    };
    Timestamp(millis)
}

/// Unpredictable bytes, stretched by SHA-256 from a seed, so that only the beginning can fail.
pub(crate) struct Randomness {
    seed: [u8; 32],
    blocks: u64,
}

impl Randomness {
    /// Asks for a fresh seed.
    pub(crate) fn fresh(ambient: &dyn Ambient) -> Result<Self, io::Error> {
        let mut seed = [0; 32];
        ambient.fill(&mut seed)?;
        Ok(Self { seed, blocks: 0 })
    }
}

impl Entropy for Randomness {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            self.blocks += 1;
            let block = Sha256::new().chain_update(self.seed).chain_update(self.blocks.to_be_bytes()).finalize();
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}
