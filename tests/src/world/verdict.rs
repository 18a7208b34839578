//! What must hold when everything is healed and quiet.

use std::collections::{BTreeMap, BTreeSet};

use regard_client::store::{Store, StoreError};
use regard_core::id::{ChangeHash, DocumentId};
use regard_core::visibility::{Filter, Query, Since, StreamEvent, StreamId};
use regard_core::wire::Scope;
use regard_relay::Logged;

use super::token::Token;
use super::{Planted, Violation, World, token};

/// Places from which the visibility stream is read again.
const REPLAYS: usize = 4;

type Histories = BTreeMap<DocumentId, (BTreeSet<ChangeHash>, BTreeSet<ChangeHash>)>;

impl World {
    /// Looks whether everything holds. Answers how many changes the log has.
    pub(super) fn holds(&mut self) -> Result<usize, Violation> {
        let logged = self.relay.logged()?;
        let due = self.oracle.all();
        let mut first: Option<Histories> = None;
        self.all_hold(&due, &logged)?;
        for (at, device) in self.devices.iter().enumerate() {
            let store = device.store().ok_or("a device does not run")?;
            let said = |error: StoreError| format!("device {at}: {error}");
            let found = store.check().map_err(said)?;
            if let Some(damage) = found.damage.first() {
                return Err(format!("device {at}: its store is damaged: {damage}"));
            }
            let waiting = store.outbox_count().map_err(said)?;
            if waiting.waiting + waiting.refused > 0 {
                let queued = store.read_outbox(Scope::Records, 0).map_err(said)?;
                let queued: Vec<_> = queued.iter().map(|queued| (queued.place, queued.unit.id)).collect();
                return Err(format!("device {at}: {waiting:?} though everybody is quiet: {queued:?}"));
            }
            if let Some(aside) = store.quarantined().map_err(said)?.first() {
                return Err(format!("device {at}: changes are set aside though nobody is hostile: {aside:?}"));
            }
            let histories = histories(store).map_err(said)?;
            is_in_log(at, &histories, &logged)?;
            match &first {
                None => first = Some(histories),
                Some(first) => is_same(at, first, &histories)?,
            }
        }
        self.stream_tells(&logged)?;
        Ok(logged.len())
    }

    /// Every acknowledged save is in the log and on every device.
    fn all_hold(&self, due: &BTreeSet<Token>, logged: &[Logged]) -> Result<(), Violation> {
        let mut in_log = BTreeSet::new();
        for change in logged {
            token::in_bytes(&change.bytes, &mut in_log);
        }
        let mut lacking = Vec::new();
        lacking.extend(self.oracle.holds(due, &in_log, "the log in the end").err());
        for (at, device) in self.devices.iter().enumerate() {
            let store = device.store().ok_or("a device does not run")?;
            let held = token::in_store(store).map_err(|error| format!("device {at}: {error}"))?;
            lacking.extend(self.oracle.holds(due, &held, &format!("device {at} in the end")).err());
        }
        if lacking.is_empty() { Ok(()) } else { Err(lacking.join("; ")) }
    }

    /// The visibility stream tells the log, from its start and from anywhere.
    fn stream_tells(&mut self, logged: &[Logged]) -> Result<(), Violation> {
        let access = self.token_of(0).ok_or("the founder has no token")?;
        let desk = self.relay.desk().ok_or("the relay does not run")?;
        let head = desk.head(self.workspace, Scope::Records).map_err(|error| super::relay::full(&error))?;
        if head.seq != logged.len() as u64 {
            return Err(format!("the log ends at {} and holds {} changes", head.seq, logged.len()));
        }
        for replay in 0..REPLAYS {
            let after = if replay == 0 { 0 } else { self.seed.below(logged.len() + 1) };
            let asked = match self.planted {
                Some(Planted::StreamRepeats) => after.saturating_sub(1),
                Some(Planted::StreamMisses) => (after + 1).min(logged.len()),
                _ => after,
            };
            let place = StreamId { epoch: head.epoch, seq: asked as u64 };
            let since = if replay == 0 { Since::Start } else { Since::After(place) };
            let query = Query { scope: Scope::Records, since, filter: Filter::default() };
            let lines = self.relay.stream(&access, query)?;
            let told: Vec<_> = lines
                .iter()
                .filter_map(|line| match &line.event {
                    StreamEvent::Visible(visible) => Some((visible.seq, visible.record, visible.change, visible.save)),
                    _ => None,
                })
                .collect();
            let due: Vec<_> =
                logged[after..].iter().map(|entry| (entry.seq, entry.document, entry.change, entry.unit)).collect();
            if told != due {
                let (told, due) = (told.len(), due.len());
                return Err(format!("from {place} on the stream tells {told} changes, and the log has {due} others"));
            }
        }
        Ok(())
    }
}

fn histories(store: &Store) -> Result<Histories, StoreError> {
    let history = |id| {
        let document = store.document(id)?;
        let changes = document.changes_since(&[]).into_iter().map(|change| change.hash).collect();
        Ok((id, (document.heads().into_iter().collect(), changes)))
    };
    store.ids()?.into_iter().map(history).collect()
}

fn is_same(at: usize, first: &Histories, other: &Histories) -> Result<(), Violation> {
    if first == other {
        return Ok(());
    }
    let differing: Vec<_> = first
        .keys()
        .chain(other.keys())
        .filter(|id| first.get(*id) != other.get(*id))
        .map(ToString::to_string)
        .collect();
    Err(format!("device {at} and device 0 differ in {}", differing.join(", ")))
}

fn is_in_log(at: usize, histories: &Histories, logged: &[Logged]) -> Result<(), Violation> {
    let log: BTreeSet<_> = logged.iter().map(|entry| (entry.document, entry.change)).collect();
    if log.len() != logged.len() {
        return Err(format!("the log holds {} changes, and only {} different ones", logged.len(), log.len()));
    }
    let here: BTreeSet<_> =
        histories.iter().flat_map(|(id, (_, changes))| changes.iter().map(|change| (*id, *change))).collect();
    if here == log {
        return Ok(());
    }
    let (more, fewer) = (here.difference(&log).count(), log.difference(&here).count());
    Err(format!("device {at} has {more} changes that the log has not, and lacks {fewer} that it has"))
}
