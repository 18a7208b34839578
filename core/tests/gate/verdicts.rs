//! Every fixture ends in its verdict, within its bounds of memory, and without effect on what others bring.

use std::time::Instant;

use regard_core::error::Refusal;
use regard_core::gate;
use regard_core::record::{Document, Projection};

use super::fixtures::{self, Fixture, Form, contact, edit, judge, set};
use super::hostile::quiet_about_automerge;
use super::{causes, check, is_quick};

/// Above what was taken before the fixture came.
const BYTES_MAX: u64 = 64 << 20;

struct Outcome {
    verdict: Result<(), Refusal>,
    document: Document,
    bytes: u64,
    millis: f64,
}

fn outcome(fixture: &Fixture) -> Outcome {
    let mut document = contact();
    let mut verdict = Ok(());
    let begun = Instant::now();
    let taken = allocation_counter::measure(|| verdict = judge(fixture, &mut document));
    Outcome { verdict, document, bytes: taken.bytes_max, millis: begun.elapsed().as_secs_f64() * 1e3 }
}

/// All fixtures; where bugs are planted by the hundred (`.ci/mutants`), those that take long and say nothing else are left out.
fn wanted() -> impl Iterator<Item = Fixture> {
    let is_quick = is_quick();
    fixtures::all().into_iter().filter(move |fixture| !is_quick || !fixture.name.starts_with("80,000 operations: "))
}

#[test]
fn every_fixture_ends_in_its_verdict_within_64_megabytes() {
    quiet_about_automerge();
    let mut wrong = Vec::new();
    let mut outcomes = Vec::new();
    for fixture in wanted() {
        let outcome = outcome(&fixture);
        let cause = outcome.verdict.as_ref().err().map(|refusal| refusal.cause);
        if cause != fixture.expected {
            wrong.push(format!("{}: expected {:?}, found {:?}", fixture.name, fixture.expected, outcome.verdict));
        }
        if outcome.bytes > BYTES_MAX {
            wrong.push(format!("{}: took {} bytes", fixture.name, outcome.bytes));
        }
        if cause.is_some() && outcome.document.save() != contact().save() {
            wrong.push(format!("{}: refused, and the record is not as it was", fixture.name));
        }
        outcomes.push((outcome.millis, outcome.bytes, cause, fixture.name));
    }
    // The time is printed and not asserted: other tests run beside this one, unoptimized. `bench gate` asserts it.
    outcomes.sort_by(|one, other| other.0.total_cmp(&one.0));
    println!("{} fixtures; the slowest:", outcomes.len());
    for (millis, bytes, cause, name) in outcomes.iter().take(12) {
        println!("{millis:9.3} ms {:4} MB  {name} ({cause:?})", bytes / 1_000_000);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whatever was taken is part of the record for good: it must be possible to store it, read it again, and go on.
#[test]
fn what_is_taken_can_be_stored_and_read_and_stops_no_edit() {
    quiet_about_automerge();
    let taken =
        fixtures::all().into_iter().filter(|fixture| fixture.expected.is_none() && fixture.bytes.len() < 40_000);
    for fixture in taken {
        let mut document = contact();
        judge(&fixture, &mut document).unwrap_or_else(|refusal| panic!("{}: {refusal}", fixture.name));
        edit(&mut document, 6, &[set("company", "edited afterwards"), set("notes", "and these too")]);
        let loaded = Document::load(&document.save()).unwrap_or_else(|error| panic!("{}: {error}", fixture.name));
        assert_eq!(Projection::of(&loaded), Projection::of(&document), "{}", fixture.name);
        assert_eq!(loaded.changes_since(&[]), document.changes_since(&[]), "{}", fixture.name);
        // A device that has nothing yet takes it over, in one go.
        let changes: Vec<_> = document.changes_since(&[]).iter().map(|change| check(&change.bytes)).collect();
        let mut fresh = gate::begin(&changes[0]).expect("a record");
        assert!(gate::apply(&mut fresh, &changes).iter().all(Result::is_ok), "{}", fixture.name);
        assert_eq!(
            (fresh.save(), Projection::of(&fresh)),
            (loaded.save(), Projection::of(&loaded)),
            "{}",
            fixture.name
        );
    }
}

/// What is refused takes nothing of the others with it, wherever it stands among them.
#[test]
fn a_refused_change_has_no_effect_on_the_honest_ones_around_it() {
    quiet_about_automerge();
    let (one, other) =
        (edit(&mut contact(), 4, &[set("nickname", "one")]), edit(&mut contact(), 5, &[set("job_title", "x")]));
    let both = [check(&one.bytes), check(&other.bytes)];
    let mut honest = contact();
    assert!(gate::apply(&mut honest, &both).iter().all(Result::is_ok));
    let applied = wanted().filter(|fixture| fixture.form == Form::Change && fixture.expected.is_some());
    let mut count = 0;
    for (fixture, bad) in applied.filter_map(|fixture| gate::check(&fixture.bytes).ok().map(|bad| (fixture, bad))) {
        for at in 0..=both.len() {
            let mut batch = both.to_vec();
            batch.insert(at, bad.clone());
            let mut document = contact();
            let mut verdicts = causes(gate::apply(&mut document, &batch));
            assert_eq!(verdicts.remove(at), fixture.expected, "{}", fixture.name);
            assert_eq!(verdicts, [None, None], "{}", fixture.name);
            assert_eq!(document.save(), honest.save(), "{}", fixture.name);
        }
        count += 1;
    }
    assert!(count > 25, "only {count} fixtures come as far as the record");
}

/// Automerge does not refuse an operation in an object that it does not have: it panics, in the middle of its work.
#[test]
fn a_panic_is_caught_and_the_record_is_as_it_was_and_can_be_made_again_from_its_changes() {
    quiet_about_automerge();
    let all = fixtures::all();
    let panics = all.iter().find(|fixture| fixture.name == "an object that is not there").expect("a fixture");
    let mut document = contact();
    let refusal = judge(panics, &mut document).expect_err("refused");
    assert!(refusal.detail.contains("Missing from Index"), "{refusal}");
    assert!(!regard_core::record::panics_are_caught(), "the guard ends with the work");
    let changes: Vec<_> = document.changes_since(&[]).iter().map(|change| check(&change.bytes)).collect();
    let mut again = gate::begin(&changes[0]).expect("a record");
    assert!(gate::apply(&mut again, &changes).iter().all(Result::is_ok));
    assert_eq!(again.save(), contact().save());
    edit(&mut document, 6, &[set("company", "goes on")]);
    assert_eq!(document.text("company"), "goes on");
}
