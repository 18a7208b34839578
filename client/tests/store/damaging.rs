//! A store's file is damaged in every way, and whoever uses it gets what is right, or an error that says that it is damaged.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use regard_client::store::{Filter, Identity, Save, Store, StoreError, Work};
use regard_client::system::SystemEntropy;
use regard_core::id::{ChangeHash, DocumentId};
use regard_core::record::{Kind, identity};
use regard_core::time::Timestamp;
use regard_core::wire::UnitOutcome;

use super::faulty::Faulty;
use super::{EPOCH, SCOPE, head_of, set};

const PAGE: usize = 4096;
const RECORDS: usize = 40;

/// What the sound store says.
struct Truth {
    bytes: Vec<u8>,
    titles: BTreeMap<DocumentId, String>,
    heads: BTreeMap<DocumentId, Vec<ChangeHash>>,
    waiting: u64,
}

/// What was used, and what came of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcomes {
    right: u32,
    told: u32,
    wrong: Vec<String>,
}

impl Outcomes {
    fn note<T: fmt::Debug>(
        &mut self,
        what: impl fmt::Display,
        outcome: Result<T, StoreError>,
        is_right: impl FnOnce(&T) -> bool,
    ) {
        match outcome {
            Ok(answer) if is_right(&answer) => self.right += 1,
            Ok(answer) => self.wrong.push(format!("{what}: {answer:?}")),
            Err(StoreError::Damaged { .. } | StoreError::Failed { .. }) => self.told += 1,
            Err(error) => self.wrong.push(format!("{what}: {error}")),
        }
    }
}

/// Numbers that look random and are the same at each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }
}

fn truth() -> Truth {
    let disk = Faulty::default();
    let identity = Identity::found("Test", "Ana", "laptop", &mut SystemEntropy);
    let store = Store::create_on(Arc::new(disk.clone()), identity).expect("a new store");
    let ids: Vec<_> = (0..RECORDS).map(|_| identity::by_hand(&mut SystemEntropy)).collect();
    let save = |works| store.save(Save { at: Timestamp(1_000), works }, &mut SystemEntropy).expect("a save");
    for (number, id) in ids.iter().enumerate() {
        let edits =
            vec![set("full_name", &format!("Person {number}")), set("company", &format!("Company {}", number % 7))];
        save(vec![Work::Create { id: *id, kind: Kind::Contact, notes: "Notes. ".repeat(number % 5), edits }]);
    }
    let queued = store.read_outbox(SCOPE, 0).expect("the outbox");
    let visible = || UnitOutcome::Visible { seqs: vec![1], at: Timestamp(0) };
    let outcomes: Vec<_> = queued.iter().map(|queued| (queued.place, visible())).collect();
    store.settle(SCOPE, EPOCH, &outcomes, head_of(&store, 0)).expect("settled");
    for round in 0..6 {
        for id in &ids[..4] {
            save(vec![Work::Edit { id: *id, edits: vec![set("job_title", &format!("Round {round}"))] }]);
        }
    }
    let titles = listed(&store).expect("a list");
    assert_eq!(titles.len(), RECORDS);
    let heads = ids.iter().map(|id| (*id, store.document(*id).expect("a record").heads())).collect();
    let waiting = store.outbox_count().expect("a count").waiting;
    drop(store);
    Truth { bytes: disk.bytes(), titles, heads, waiting }
}

fn listed(store: &Store) -> Result<BTreeMap<DocumentId, String>, StoreError> {
    let all = store.list(&Filter { limit: 10 * RECORDS, ..Filter::default() })?;
    Ok(all.into_iter().map(|listed| (listed.id, listed.projection.title)).collect())
}

/// Opens, lists, shows, reads what is to be sent, saves and looks at everything.
fn used(truth: &Truth, bytes: Vec<u8>) -> Outcomes {
    let mut outcomes = Outcomes::default();
    let store = match Store::open_on(Arc::new(Faulty::of(bytes))) {
        Ok(store) => store,
        Err(error) => {
            outcomes.note("open", Err::<(), _>(error), |()| false);
            return outcomes;
        }
    };
    outcomes.note("list", listed(&store), |titles| *titles == truth.titles);
    for (id, heads) in &truth.heads {
        outcomes.note(format!("show {id}"), store.document(*id), |document| document.heads() == *heads);
    }
    let queued = store.outbox_count();
    outcomes.note("count", queued, |count| count.waiting == truth.waiting);
    outcomes.note("outbox", store.read_outbox(SCOPE, 0), |queued| !queued.is_empty());
    for id in truth.heads.keys().step_by(20) {
        let works = vec![Work::Edit { id: *id, edits: vec![set("nickname", "Lu")] }];
        let saved = store.save(Save { at: Timestamp(2_000), works }, &mut SystemEntropy);
        let is_saved = saved.is_ok();
        outcomes.note(format!("save {id}"), saved, |saved| saved.unit.is_some());
        if is_saved {
            outcomes.note("show what was saved", store.document(*id), |document| document.text("nickname") == "Lu");
        }
    }
    outcomes
}

fn damaged(truth: &Truth, what: &str, runs: u32, mut damage: impl FnMut(&mut Vec<u8>, &mut Dice)) {
    let mut dice = Dice(7);
    let (mut untouched, mut told, mut wrong) = (0, 0, Vec::new());
    for run in 0..runs {
        let mut bytes = truth.bytes.clone();
        damage(&mut bytes, &mut dice);
        let outcomes = used(truth, bytes);
        match (outcomes.wrong.is_empty(), outcomes.told) {
            (true, 0) => untouched += 1,
            (true, _) => told += 1,
            (false, _) => {
                wrong.push(format!("run {run}: {} wrong, first {:.200}", outcomes.wrong.len(), outcomes.wrong[0]));
            }
        }
    }
    eprintln!("{what}: {runs} files, {untouched} as if nothing were, {told} told as damaged, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{what}: {wrong:#?}");
}

#[test]
fn no_damage_of_the_file_is_shown_as_data_or_panics() {
    let truth = truth();
    let sound = used(&truth, truth.bytes.clone());
    assert_eq!((sound.told, sound.wrong), (0, Vec::new()));
    let len = truth.bytes.len();
    // Most of a small file is empty.
    let used: Vec<_> =
        (0..len / PAGE).filter(|page| truth.bytes[page * PAGE..][..PAGE].iter().any(|byte| *byte != 0)).collect();
    damaged(&truth, "a bit flipped in a page that is used", 120, |bytes, dice| {
        bytes[used[dice.below(used.len())] * PAGE + dice.below(PAGE)] ^= 1 << dice.below(8);
    });
    damaged(&truth, "two used pages swapped", 40, |bytes, dice| {
        let (one, other) = (used[dice.below(used.len())] * PAGE, used[dice.below(used.len())] * PAGE);
        for at in 0..PAGE {
            bytes.swap(one + at, other + at);
        }
    });
    damaged(&truth, "a bit flipped", 30, |bytes, dice| bytes[dice.below(len)] ^= 1 << dice.below(8));
    damaged(&truth, "a page zeroed", 40, |bytes, dice| {
        let page = dice.below(len / PAGE) * PAGE;
        bytes[page..page + PAGE].fill(0);
    });
    damaged(&truth, "two pages swapped", 20, |bytes, dice| {
        let (one, other) = (dice.below(len / PAGE) * PAGE, dice.below(len / PAGE) * PAGE);
        for at in 0..PAGE {
            bytes.swap(one + at, other + at);
        }
    });
    damaged(&truth, "cut off", 20, |bytes, dice| bytes.truncate(dice.below(len)));
}
