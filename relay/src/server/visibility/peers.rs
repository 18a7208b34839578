use std::collections::HashMap;

use regard_core::id::{DeviceId, EpochId};
use regard_core::visibility::{PeerPresence, PeerReached, StreamEvent};
use regard_core::wire::{Peer, Scope};

use super::roster::Roster;

/// What one reader has been told of the devices, so that it hears only what is new.
#[derive(Debug, Default)]
pub(super) struct Told(HashMap<DeviceId, Known>);

#[derive(Debug, PartialEq, Eq)]
struct Known {
    is_online: bool,
    /// Epoch, place, and how many places were set aside.
    reached: Option<(EpochId, u64, usize)>,
}

impl Told {
    /// What of this the reader does not know yet.
    pub(super) fn news(&mut self, mut peers: Vec<Peer>, scope: Scope, roster: &Roster) -> Vec<StreamEvent> {
        peers.sort_unstable_by_key(|peer| peer.device);
        let mut events = Vec::new();
        for peer in peers {
            let (device, member) = (peer.device, roster.member(peer.device));
            let applied = peer.applied.into_iter().find(|applied| applied.scope == scope);
            let reached = applied.as_ref().map(|applied| (applied.epoch, applied.seq, applied.except.len()));
            let known = self.0.insert(device, Known { is_online: peer.online, reached });
            if known.as_ref().is_none_or(|known| known.is_online != peer.online) {
                let presence = PeerPresence { device, member, since: peer.since };
                events.push(if peer.online { StreamEvent::Online(presence) } else { StreamEvent::Offline(presence) });
            }
            if let Some(applied) = applied.filter(|_| known.is_none_or(|known| known.reached != reached)) {
                let (epoch, seq, except, at) = (applied.epoch, applied.seq, applied.except, applied.at);
                events.push(StreamEvent::Applied(PeerReached { device, member, scope, epoch, seq, except, at }));
            }
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use regard_core::time::Timestamp;
    use regard_core::wire::{Directory, PeerApplied};

    use super::*;

    fn peer(online: bool, seq: u64, except: Vec<u64>) -> Peer {
        let (device, epoch) = (DeviceId::from_bytes([1; 16]), EpochId::from_bytes([2; 16]));
        let applied = |scope, seq, except| PeerApplied { scope, epoch, seq, except, at: Timestamp(3) };
        let applied = vec![applied(Scope::AddressBook, 99, Vec::new()), applied(Scope::Records, seq, except)];
        Peer { device, online, since: Timestamp(4), applied }
    }

    #[test]
    fn the_whole_state_is_told_once_and_then_what_changes() {
        let mut told = Told::default();
        let mut news = |peer: Peer| -> Vec<String> {
            let roster = Roster::of(&Directory::default(), 0);
            let events = told.news(vec![peer], Scope::Records, &roster);
            let one = |event| match event {
                StreamEvent::Online(_) => "online".to_owned(),
                StreamEvent::Offline(_) => "offline".to_owned(),
                StreamEvent::Applied(reached) => format!("{} but {:?}", reached.seq, reached.except),
                other => format!("{other:?}"),
            };
            events.into_iter().map(one).collect()
        };
        assert_eq!(news(peer(true, 5, vec![])), ["online", "5 but []"]);
        assert_eq!(news(peer(true, 5, vec![])), [""; 0]);
        assert_eq!(news(peer(true, 6, vec![])), ["6 but []"]);
        assert_eq!(news(peer(true, 6, vec![6])), ["6 but [6]"]);
        assert_eq!(news(peer(false, 6, vec![6])), ["offline"]);
        assert_eq!(news(peer(true, 7, vec![6])), ["online", "7 but [6]"]);
    }
}
