//! The machine's clock and its randomness: the only place where the relay asks for either.

use std::time::{SystemTime, UNIX_EPOCH};

use regard_core::id::Entropy;
use regard_core::time::Timestamp;
use sha2::{Digest, Sha256};

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
    };
    Timestamp(millis)
}

/// Unpredictable bytes, stretched by SHA-256 from a seed of the operating system, so that only the beginning can fail.
pub(crate) struct Randomness {
    seed: [u8; 32],
    blocks: u64,
}

impl Randomness {
    /// Asks the operating system for a fresh seed.
    pub(crate) fn fresh() -> Result<Self, std::io::Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| std::io::Error::other(error.to_string()))?;
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
