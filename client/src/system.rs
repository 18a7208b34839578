//! The clock and the source of randomness: the only places where the client asks the machine for either.

use regard_core::id::Entropy;
use regard_core::time::Timestamp;

/// What the clock says now.
#[must_use]
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
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
