//! The simulated world, seed by seed.
//!
//! A violation names its seed; `REGARD_SEED=<seed> cargo test -p regard-tests --test world <test>` plays that one again, and
//! `cargo run --release -p regard-tests --bin soak` plays as many others as there is time for.

use std::ops::Range;

use regard_tests::harness::Seed;
use regard_tests::world::{Planted, Played, Suite};

/// Plays some seeds and says what came of them.
fn play(suite: Suite, seeds: Range<u64>) {
    let only = std::env::var("REGARD_SEED").ok().map(|seed| seed.parse::<u64>().expect("REGARD_SEED is a number"));
    let seeds = only.map_or(seeds, |seed| seed..seed + 1);
    let (mut all, mut violations) = (Played::default(), Vec::new());
    for seed in seeds.clone() {
        match suite.play(&Seed::new(seed)) {
            Ok(played) => all = all.and(played),
            Err(violation) => violations.push(format!("seed {seed}: {violation}")),
        }
    }
    if let Some(first) = violations.first() {
        let lines: Vec<_> = violations.iter().filter_map(|violation| violation.lines().next()).collect();
        panic!("{suite}: {} of {seeds:?} seeds:\n{}\n\nThe first of them, {first}", lines.len(), lines.join("\n"));
    }
    println!("{suite}, seeds {seeds:?}: {all}");
}

#[test]
fn what_is_acknowledged_survives_power_cuts() {
    play(Suite::PowerCuts, 0..200);
}

// Two halves, for two cores.
#[test]
fn whatever_happens_all_have_the_same_in_the_end() {
    play(Suite::Everything, 0..500);
}

#[test]
fn whatever_else_happens_all_have_the_same_in_the_end() {
    play(Suite::Everything, 500..1_000);
}

#[test]
fn a_relay_that_goes_back_is_filled_again() {
    play(Suite::RelayGoesBack, 0..100);
}

#[test]
fn stores_that_go_back_or_run_twice_lose_nothing_that_somebody_has() {
    play(Suite::DevicesAreCopied, 0..100);
}

#[test]
fn a_seed_plays_the_same_each_time() {
    for suite in Suite::ALL {
        let [first, second] = [(); 2].map(|()| suite.play(&Seed::new(7)));
        assert_eq!(first, second, "{suite}");
    }
}

/// A world that finds nothing may be a world that looks at nothing.
#[test]
fn every_planted_bug_is_found() {
    const SEEDS_MAX: u64 = 60;
    for bug in Planted::ALL {
        let suite = bug.found_by();
        let found = (0..SEEDS_MAX).find_map(|seed| Some((seed, suite.play_with(&Seed::new(seed), Some(bug)).err()?)));
        let (seed, violation) = found.unwrap_or_else(|| panic!("{bug} is not found by {SEEDS_MAX} seeds of {suite}"));
        println!("{bug}: {suite}, seed {seed}: {}", violation.lines().next().unwrap_or_default());
    }
}
