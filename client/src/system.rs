//! The clock and the source of randomness: the only places where the client asks the machine for either.

use regard_core::id::Entropy;
use regard_core::time::Timestamp;

/// What the clock says now.
#[must_use]
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A clock that goes on steadily from when it was started, whatever happens to the machine's: for waits and deadlines.
#[derive(Debug, Clone, Copy)]
pub struct SteadyClock {
    started_at: Timestamp,
    started: std::time::Instant,
}

impl SteadyClock {
    /// Starts with what the machine's clock says now.
    #[must_use]
    pub fn start() -> Self {
        Self { started_at: now(), started: std::time::Instant::now() }
    }

    /// The time it was started at, and what has passed since.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.started_at.after(self.started.elapsed())
    }
}

/// The operating system's random bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            // Without randomness no id and no secret can be made: nothing that goes on from here would be right.
            panic!("the operating system gives no random bytes: {error}");
        }
    }
}
