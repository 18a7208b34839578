//! Killed while saving: new records, edits of old ones, several in one save, from one thread or two.

use std::path::Path;

use regard_client::store::{Identity, Save, Store, Work};
use regard_client::system::{SystemEntropy, now};
use regard_core::id::{ChangeHash, DocumentId, UnitId};

use super::killer::{Victim, moment};
use super::told::{Acknowledged, is_sound, line, read};
use super::victim::tell;
use super::{Report, Scene};
use crate::bench::plan::Doing;
use crate::bench::{Failure, records};
use crate::harness::Seed;

/// Lines that are waited for before a kill, at most one fewer.
const LINES: usize = 12;
/// A lie is told so often before the liar waits to be killed: whoever waits for lines gets them.
const LIES: usize = LINES;
/// Saves of a victim that nobody kills.
const SAVES_MAX: usize = 5_000;
/// Records that are edited again and again.
const EDITED: usize = 20;
/// A store's whole content is looked at after so many kills: it takes longer than the kill.
pub(super) const CHECKED_EVERY: u64 = 5;

pub(super) fn story(mut scene: Scene<'_>, count: u64, work: &str) -> Result<Report, Failure> {
    let folder = make_store(&scene)?;
    let mut acknowledged = Acknowledged::default();
    for cycle in 1..=count {
        let threads = 1 + scene.seed.below(2);
        let mut victim = Victim::start(&scene, work, &folder, &threads.to_string())?;
        // Now and then it is killed before it has done anything, so that also the recovery is cut short.
        let lines = scene.seed.below(LINES);
        victim.hear(lines)?;
        moment(&mut scene.seed, 6_000);
        for told in victim.kill()?.iter().filter_map(|told| read("saved", told)) {
            acknowledged.add(told);
        }
        acknowledged.are_in(&folder).map_err(|failure| failure.within(&format!("kill {cycle}")))?;
        if cycle % CHECKED_EVERY == 0 || cycle == count {
            is_sound(&folder).map_err(|failure| failure.within(&format!("kill {cycle}")))?;
        }
    }
    Ok(Report { cycles: count, acknowledged: acknowledged.count() })
}

pub(super) fn make_store(scene: &Scene<'_>) -> Result<std::path::PathBuf, Failure> {
    let folder = scene.folder.join("store");
    let identity = Identity::found("Kills", "Ana", "laptop", &mut SystemEntropy);
    drop(Store::create(&folder, identity).doing("making a store")?);
    Ok(folder)
}

pub(super) fn work(folder: &Path, threads: &str) -> Result<(), Failure> {
    let store = Store::open(folder).doing("opening the store")?;
    let threads: u64 = threads.parse().doing("reading the number of threads")?;
    std::thread::scope(|scope| {
        let working: Vec<_> = (0..threads)
            .map(|thread| {
                let store = &store;
                scope.spawn(move || save_on(store, thread, |_, changes| tell_saved(changes)))
            })
            .collect();
        working.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(Failure::new("a thread that saved has panicked")))
        })
    })
}

/// A record, and its change in a save.
pub(super) type Changed = (DocumentId, ChangeHash);

/// Tells of a save that is durable, a line a record.
pub(super) fn tell_saved(changes: &[Changed]) {
    for (id, change) in changes {
        tell(&line("saved", *id, *change));
    }
}

/// Saves and saves, and hands on what is durable.
pub(super) fn save_on(store: &Store, thread: u64, durable: impl Fn(Option<UnitId>, &[Changed])) -> Result<(), Failure> {
    let mut seed = Seed::new((u64::from(std::process::id()) << 8) | thread);
    let mut own: Vec<DocumentId> = store.ids().doing("listing the records")?;
    own.truncate(EDITED);
    for number in 0..SAVES_MAX {
        let mut works = Vec::new();
        for _ in 0..=seed.below(3) {
            let made = if own.is_empty() || seed.below(3) == 0 {
                let id = DocumentId::random(&mut SystemEntropy);
                own.push(id);
                records::creation(id, number)
            } else {
                records::edit(*seed.one_of(&own), seed.below(1_000_000))
            };
            works.extend(made.works);
        }
        // A record stands once in a save: what it is told to be in the end is one change.
        works.sort_by_key(Work::id);
        works.dedup_by_key(|work| work.id());
        let ids: Vec<_> = works.iter().map(Work::id).collect();
        let saved = store.save(Save { at: now(), works }, &mut SystemEntropy).doing("saving")?;
        durable(saved.unit, &changes(store, &ids)?);
    }
    Ok(())
}

fn changes(store: &Store, ids: &[DocumentId]) -> Result<Vec<Changed>, Failure> {
    let head = |id: &DocumentId| {
        let head = store.document(*id).doing("opening what was saved")?.heads().first().copied();
        head.map(|head| (*id, head)).ok_or_else(|| Failure::new("a record has no heads"))
    };
    ids.iter().map(head).collect()
}

/// Tells of saves that it does not make.
pub(super) fn lie(folder: &Path) -> Result<(), Failure> {
    let store = Store::open(folder).doing("opening the store")?;
    for number in 0..LIES {
        let id = DocumentId::random(&mut SystemEntropy);
        tell(&line("saved", id, ChangeHash([u8::try_from(number).unwrap_or(0); 32])));
    }
    drop(store);
    std::thread::park();
    Ok(())
}
