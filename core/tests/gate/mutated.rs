//! Thousands of changes of which some bytes were altered and the checksum repaired: what no parser of ours looks at reaches
//! Automerge, and must do no harm there. The seed of a failure is printed; `one_seed` runs it alone.

use std::collections::BTreeMap;

use regard_core::gate;

use super::fixtures::chunk::Draft;
use super::fixtures::{contact, heads, heavy, next};
use super::hostile::{columns_of, quiet_about_automerge, survives};
use super::{check, is_quick};

const SEEDS: u64 = 9_000;

/// Steele, Lea and Flood's `SplitMix64`: the same numbers everywhere and for ever.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or(0)
    }
}

fn mutated(drafts: &[Draft], seed: u64) -> Vec<u8> {
    const BYTES: [u8; 9] = [0, 1, 2, 3, 0x7d, 0x7e, 0x7f, 0x80, 0xff];
    let mut numbers = Numbers(seed);
    let mut draft = drafts[numbers.below(drafts.len())].clone();
    for _ in 0..=numbers.below(3) {
        let column = numbers.below(draft.columns.len());
        let bytes = &mut draft.columns[column].1;
        let (at, value) = (numbers.below(bytes.len()), BYTES[numbers.below(BYTES.len())]);
        match numbers.below(4) {
            0 => bytes.insert(at, value),
            1 if bytes.len() > 1 => drop(bytes.remove(at)),
            2 => bytes[at] ^= 1 << numbers.below(8),
            _ => bytes[at] = value,
        }
    }
    draft.chunk()
}

fn drafts() -> Vec<Draft> {
    let honest = columns_of(&next(&contact()).bytes);
    std::iter::once(honest).chain(heavy::all(&heads(), 12).into_iter().map(|(_, draft)| draft)).collect()
}

#[test]
fn no_mutated_change_does_harm() {
    quiet_about_automerge();
    let drafts = drafts();
    let mut verdicts: BTreeMap<String, u32> = BTreeMap::new();
    let seeds = if is_quick() { SEEDS / 3 } else { SEEDS };
    for seed in 0..seeds {
        let bytes = mutated(&drafts, seed);
        let harmless = std::panic::catch_unwind(|| survives(&bytes));
        assert!(harmless.is_ok(), "seed {seed} does harm");
        let verdict = gate::check(&bytes).and_then(|_| gate::apply(&mut contact(), &[check(&bytes)]).remove(0));
        let verdict = verdict.map_or_else(|refusal| refusal.cause.to_string(), |_| "taken".into());
        *verdicts.entry(verdict).or_default() += 1;
    }
    println!("{seeds} mutated changes: {verdicts:?}");
    for (verdict, least) in [("taken", 50), ("not applicable", 150), ("malformed", 1_000), ("too large", 5)] {
        let found = verdicts.get(verdict).copied().unwrap_or(0);
        assert!(found >= least, "only {found} changes ended as {verdict}: {verdicts:?}");
    }
}

#[test]
#[ignore = "for one seed that was printed: SEED=… cargo test -p regard-core --test gate one_seed -- --ignored"]
fn one_seed() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).expect("a seed in SEED");
    survives(&mutated(&drafts(), seed));
}
