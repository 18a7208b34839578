//! The simulated world, seed by seed.

use regard_tests::harness::Seed;
use regard_tests::world::plan::Plan;
use regard_tests::world::{self, Played, power};

/// Plays some seeds and says what came of them.
fn play(what: &str, seeds: u64, one: impl Fn(&Seed) -> Result<Played, String>) {
    let (mut saves, mut excused, mut changes, mut rounds) = (0, 0, 0, 0);
    let only = std::env::var("REGARD_SEED").ok().map(|seed| seed.parse::<u64>().expect("REGARD_SEED is a number"));
    let mut violations = Vec::new();
    for seed in only.map_or(0..seeds, |seed| seed..seed + 1) {
        match one(&Seed::new(seed)) {
            Ok(played) => {
                saves += played.saves;
                excused += played.excused;
                changes += played.changes;
                rounds = rounds.max(played.rounds);
            }
            Err(violation) => violations.push(format!("seed {seed}: {violation}")),
        }
    }
    if let Some(first) = violations.first() {
        let lines: Vec<_> = violations.iter().filter_map(|violation| violation.lines().next()).collect();
        panic!("{what}: {} of {seeds} seeds:\n{}\n\nThe first of them, {first}", violations.len(), lines.join("\n"));
    }
    println!("{what}: {seeds} seeds, {saves} saves ({excused} excused), {changes} changes, at most {rounds} rounds");
}

#[test]
fn what_is_acknowledged_survives_power_cuts() {
    play("power cuts", 20, |seed| {
        let survived = power::run(seed.clone())?;
        Ok(Played { saves: survived.saves, ..Played::default() })
    });
}

#[test]
fn whatever_happens_all_have_the_same_in_the_end() {
    play("world", 100, |seed| world::run(seed, Plan::everything));
}

#[test]
fn a_relay_that_goes_back_is_filled_again() {
    play("relay goes back", 100, |seed| world::run(seed, Plan::relay_goes_back));
}

#[test]
fn stores_that_go_back_or_run_twice_lose_nothing_that_somebody_has() {
    play("devices are copied", 100, |seed| world::run(seed, Plan::devices_are_copied));
}
