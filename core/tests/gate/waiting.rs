//! Changes that came before what they follow.

use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;
use regard_core::gate::{self, Checked, Leaving, Orphans};
use regard_core::id::{ChangeHash, DocumentId};
use regard_core::limits::{ORPHAN_AGE_MAX, ORPHANS_BYTES_MAX, ORPHANS_MAX, ORPHANS_OF_DOCUMENT_MAX};
use regard_core::record::{Document, Kind};
use regard_core::time::Timestamp;

use super::check;
use super::fixtures::chunk::Draft;
use super::fixtures::{edit, set};

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn document(number: u16) -> DocumentId {
    let [high, low] = number.to_be_bytes();
    DocumentId::from_bytes(std::array::from_fn(|at| if at % 2 == 0 { high } else { low }))
}

/// A small change that nothing honest has anything to do with.
fn alone(number: u32) -> Checked {
    let mut draft = Draft::new(&[[9; 32]], 100, 1);
    draft.actor = number.to_be_bytes().to_vec();
    check(&draft.chunk())
}

/// A history of several people, who bring together what the others wrote at some times.
fn history(steps: &[(u8, bool)]) -> Document {
    let mut whole = Document::new(Kind::Contact);
    let mut copies: Vec<Document> = (0..3).map(|_| whole.clone()).collect();
    for (number, (writer, reads)) in steps.iter().enumerate() {
        let copy = &mut copies[usize::from(*writer) % 3];
        if *reads {
            copy.clone_from(&whole);
        }
        let made =
            edit(copy, 1 + writer % 3, &[set("company", &number.to_string()), set("notes", &"a".repeat(number + 1))]);
        assert!(gate::apply(&mut whole, &[check(&made.bytes)])[0].is_ok());
    }
    whole
}

/// What a device does with each change that arrives.
fn arrive(document: &mut Document, orphans: &mut Orphans, change: Checked) {
    let id = self::document(1);
    if change.header.deps.iter().any(|dep| !document.has(*dep)) {
        assert_eq!(orphans.hold(id, change, NOW, |hash| document.has(hash)), []);
        return;
    }
    let hash = change.header.hash;
    assert!(gate::apply(document, &[change])[0].is_ok());
    let released = orphans.release(id, &[hash], |hash| document.has(hash));
    assert!(gate::apply(document, &released).iter().all(Result::is_ok), "released in an order in which they apply");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_order_of_arrival_ends_in_the_same_record(
        steps in prop::collection::vec((0..3_u8, any::<bool>()), 1..14),
        order in prop::collection::vec(any::<prop::sample::Index>(), 14),
        again in any::<prop::sample::Index>(),
    ) {
        let whole = history(&steps);
        let mut changes: Vec<_> = whole.changes_since(&[]).iter().skip(1).map(|change| check(&change.bytes)).collect();
        for (at, index) in order.iter().enumerate().take(changes.len()) {
            let other = index.index(changes.len());
            changes.swap(at, other);
        }
        changes.push(changes[again.index(changes.len())].clone());
        let (mut document, mut orphans) = (Document::new(Kind::Contact), Orphans::new());
        for change in changes {
            arrive(&mut document, &mut orphans, change);
        }
        prop_assert_eq!(document.heads(), whole.heads());
        prop_assert_eq!(document.text("notes"), whole.text("notes"));
        prop_assert_eq!(document.text("company"), whole.text("company"));
        prop_assert!(orphans.is_empty() && orphans.bytes() == 0);
    }

    #[test]
    fn no_flood_passes_the_bounds_and_nothing_is_dropped_in_silence(
        flood in prop::collection::vec((0..4_u16, 0..2_000_u32, 0..3_i64), 1..300),
    ) {
        let mut orphans = Orphans::new();
        let (mut held, mut now) = (HashSet::new(), NOW);
        for (number, change, later) in flood {
            let change = alone(change);
            let key = (document(number), change.header.hash);
            now = now.after(ORPHAN_AGE_MAX / 4 * u32::try_from(later).unwrap_or(0));
            let is_held = held.contains(&key);
            let gone = orphans.hold(document(number), change, now, |_| false);
            for (orphan, why) in gone {
                prop_assert_eq!(why, Leaving::TooOld);
                prop_assert!(now.since(orphan.since) > ORPHAN_AGE_MAX);
                prop_assert!(held.remove(&(orphan.document, orphan.change.header.hash)));
            }
            prop_assert!(held.insert(key) || is_held);
            prop_assert_eq!(orphans.len(), held.len());
        }
    }
}

#[test]
fn the_oldest_of_a_flooded_record_go_and_other_records_keep_theirs() {
    let mut orphans = Orphans::new();
    assert_eq!(orphans.hold(document(1), alone(0), NOW, |_| false), []);
    let bound = u32::try_from(ORPHANS_OF_DOCUMENT_MAX).expect("small");
    for number in 0..bound {
        assert_eq!(orphans.hold(document(2), alone(number), NOW, |_| false), []);
    }
    let gone = orphans.hold(document(2), alone(bound), NOW, |_| false);
    assert_eq!(gone.len(), 1);
    assert_eq!((gone[0].0.change.header.hash, gone[0].1), (alone(0).header.hash, Leaving::NoRoom));
    assert_eq!(gone[0].0.document, document(2));
    assert!(orphans.holds(document(1), alone(0).header.hash));
    assert!(!orphans.holds(document(2), alone(0).header.hash));
}

#[test]
fn there_is_a_bound_of_all_changes_and_of_their_bytes() {
    let mut orphans = Orphans::new();
    let all = u32::try_from(ORPHANS_MAX).expect("small");
    for number in 0..all {
        assert_eq!(
            orphans.hold(document(u16::try_from(number / 500).expect("small")), alone(number), NOW, |_| false),
            []
        );
    }
    let gone = orphans.hold(document(999), alone(all), NOW, |_| false);
    assert_eq!((orphans.len(), gone.len(), gone[0].0.document), (ORPHANS_MAX, 1, document(0)));

    let mut orphans = Orphans::new();
    let large = |number: u32| {
        let mut change = alone(number);
        change.bytes.resize(3 << 20, 0);
        change
    };
    let gone: usize = (0..20).map(|number| orphans.hold(document(1), large(number), NOW, |_| false).len()).sum();
    assert_eq!((orphans.len(), gone), (5, 15));
    assert!(orphans.bytes() <= ORPHANS_BYTES_MAX && orphans.bytes() > 15 << 20, "{}", orphans.bytes());
}

#[test]
fn what_waits_for_too_long_goes_also_where_the_clock_was_ahead() {
    let mut orphans = Orphans::new();
    let years = NOW.after(Duration::from_hours(24 * 3650));
    assert_eq!(orphans.hold(document(1), alone(1), years, |_| false), []);
    assert_eq!(orphans.hold(document(1), alone(2), NOW, |_| false), []);
    assert_eq!(orphans.expire(NOW.after(ORPHAN_AGE_MAX)), []);
    let gone = orphans.expire(NOW.after(ORPHAN_AGE_MAX * 2).after(Duration::from_millis(1)));
    assert_eq!(gone.iter().map(|(_, why)| *why).collect::<Vec<_>>(), [Leaving::TooOld; 2]);
    assert_eq!(orphans.expire(Timestamp(i64::MIN)), []);
}

#[test]
fn a_change_that_lacks_nothing_is_not_held() {
    let mut orphans = Orphans::new();
    let gone = orphans.hold(document(1), alone(1), NOW, |_| true);
    assert_eq!((gone.len(), gone[0].1), (1, Leaving::Ready));
    assert!(orphans.is_empty());
}

/// Equal bytes may stand in several records, and each waits for what its own record lacks.
#[test]
fn each_record_waits_for_its_own() {
    let mut orphans = Orphans::new();
    for number in [1, 2] {
        assert_eq!(orphans.hold(document(number), alone(1), NOW, |_| false), []);
    }
    let arrived = [ChangeHash([9; 32])];
    assert_eq!(orphans.release(document(1), &arrived, |hash| arrived.contains(&hash)), [alone(1)]);
    assert!(orphans.holds(document(2), alone(1).header.hash));
    assert_eq!(orphans.release(document(1), &arrived, |hash| arrived.contains(&hash)), []);
}
