//! `kill -9` of client and relay at any moment: nothing acknowledged is lost, and no file is damaged.

use std::path::Path;

use regard_tests::harness::Seed;
use regard_tests::kills::{self, Work};

/// The program that is killed.
const VICTIM: &str = env!("CARGO_BIN_EXE_victim");
/// Kills in this suite; `soak` goes on for as long as it is told to.
const CYCLES: u64 = 200;

#[test]
fn nothing_acknowledged_is_lost_wherever_a_process_is_killed() {
    let mut seed = Seed::of("nothing_acknowledged_is_lost_wherever_a_process_is_killed");
    let began = std::time::Instant::now();
    let report = kills::cycles(Path::new(VICTIM), seed.number(), CYCLES).unwrap_or_else(|lost| panic!("{lost}"));
    println!("{report:?} in {:.1} s", began.elapsed().as_secs_f64());
    assert!(report.cycles >= CYCLES && report.acknowledged > CYCLES, "{report:?}");
}

/// Each kind of work, also where the seed of the test above draws none of it.
#[test]
fn every_kind_of_work_is_killed() {
    let mut seed = Seed::of("every_kind_of_work_is_killed");
    for work in [Work::Saving, Work::Importing, Work::Backing, Work::Relaying, Work::Syncing] {
        let began = std::time::Instant::now();
        let report = kills::story(Path::new(VICTIM), work, seed.number(), 6).unwrap_or_else(|lost| panic!("{lost}"));
        println!("{work}: {report:?} in {:.2} s", began.elapsed().as_secs_f64());
        assert_eq!(report.cycles, 6);
    }
}

#[test]
fn a_save_that_is_acknowledged_and_not_made_is_found() {
    let mut seed = Seed::of("a_save_that_is_acknowledged_and_not_made_is_found");
    let lost = kills::story(Path::new(VICTIM), Work::Lying, seed.number(), 20).expect_err("every save was a lie");
    assert!(lost.to_string().contains("was acknowledged and cannot be opened"), "{lost}");
}
