use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use regard_core::id::WorkspaceId;
use regard_core::limits::{CHALLENGE_LIFETIME, CHALLENGES_MAX};
use regard_core::wire::access::keys::Nonce;

/// The challenges that were given out and not answered yet, oldest first. They are forgotten with the process.
#[derive(Default)]
pub(crate) struct Challenges {
    open: Mutex<VecDeque<Open>>,
}

struct Open {
    workspace: WorkspaceId,
    nonce: Nonce,
    /// When it was given out, by the steady clock.
    made: Duration,
}

impl Challenges {
    /// Remembers a challenge; the oldest makes place for it.
    pub(crate) fn add(&self, workspace: WorkspaceId, nonce: Nonce, now: Duration) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        while open.len() >= CHALLENGES_MAX || open.front().is_some_and(|oldest| is_over(oldest, now)) {
            open.pop_front();
        }
        open.push_back(Open { workspace, nonce, made: now });
    }

    /// Whether the challenge was given out for this workspace and is still good; it is used up either way.
    pub(crate) fn take(&self, workspace: WorkspaceId, nonce: &Nonce, now: Duration) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // A nonce is public: whoever answers it proves a key, so comparing it in constant time would hide nothing.
        let Some(at) = open.iter().position(|one| one.nonce == *nonce) else { return false };
        open.remove(at).is_some_and(|one| one.workspace == workspace && !is_over(&one, now))
    }
}

fn is_over(one: &Open, now: Duration) -> bool {
    now.saturating_sub(one.made) > CHALLENGE_LIFETIME
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: WorkspaceId = WorkspaceId::from_bytes([1; 16]);

    #[test]
    fn a_challenge_is_good_once_soon_and_in_its_workspace() {
        let challenges = Challenges::default();
        let now = Duration::from_secs(5);
        let nonces = [1, 2, 3, 4].map(|byte| Nonce([byte; 32]));
        for nonce in nonces {
            challenges.add(WORKSPACE, nonce, now);
        }
        assert!(challenges.take(WORKSPACE, &nonces[0], now + CHALLENGE_LIFETIME));
        assert!(!challenges.take(WORKSPACE, &nonces[0], now), "used");
        let late = now + CHALLENGE_LIFETIME + Duration::from_millis(1);
        assert!(!challenges.take(WORKSPACE, &nonces[1], late), "too late");
        assert!(!challenges.take(WorkspaceId::from_bytes([2; 16]), &nonces[2], now), "of another workspace");
        assert!(!challenges.take(WORKSPACE, &Nonce([9; 32]), now), "never given out");
        for number in 0..CHALLENGES_MAX as u64 {
            let mut nonce = [0; 32];
            nonce[..8].copy_from_slice(&number.to_be_bytes());
            challenges.add(WORKSPACE, Nonce(nonce), now);
        }
        assert!(!challenges.take(WORKSPACE, &nonces[3], now), "the oldest went");
        assert!(challenges.open.lock().expect("a lock").len() <= CHALLENGES_MAX);
    }
}
