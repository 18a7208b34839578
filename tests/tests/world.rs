//! The simulated world, seed by seed.

use regard_tests::harness::Seed;
use regard_tests::world::power;

#[test]
fn what_is_acknowledged_survives_power_cuts() {
    const SEEDS: u64 = 200;
    let begun = std::time::Instant::now();
    let mut saves = 0;
    for seed in 0..SEEDS {
        match power::run(Seed::new(seed)) {
            Ok(survived) => saves += survived.saves,
            Err(violation) => panic!("power cuts, seed {seed}: {violation}"),
        }
    }
    println!("{SEEDS} seeds, {saves} saves, {} ms", begun.elapsed().as_millis());
}
