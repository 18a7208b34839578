//! Fuzzing: inputs that are changed at random, and what must hold of each.
//!
//! A [`Target`] takes any bytes and asserts its promises; [`TARGETS`] has all of them. [`mutate()`] changes an input so that it stays
//! near what passes the first checks. [`Corpus`] keeps inputs in `tests/fuzz/<target>/`: those that brought out something new, and
//! every one that ever broke a promise. [`Hunt`] does the rest. Stable Rust gives no cheap coverage, so what counts as new is
//! what a target answers: which paths were taken, in a few words.
//!
//! ```text
//! cargo run --release -p regard-tests --bin fuzz -- --minutes 10
//! cargo run --release -p regard-tests --bin fuzz -- --target gate --replay tests/fuzz/gate/crash-…
//! ```

mod corpus;
mod guard;
mod hunt;
mod mutate;
mod targets;

pub use corpus::{Corpus, CorpusError};
pub use guard::{BYTES_ALLOCATED_MAX, TIME_MAX, Trial, measured, on_a_small_stack};
pub use hunt::{Finding, Hunt, Tally};
pub use mutate::{Form, INPUT_BYTES_MAX, mutate};
pub use targets::TARGETS;

/// One thing that is fuzzed.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: that of its corpus' folder.
    pub name: &'static str,
    /// What holds of every input, as a sentence without a full stop.
    pub promise: &'static str,
    /// What its inputs are made of.
    pub form: Form,
    /// Words that its inputs are made of, to be strewn in.
    pub words: &'static [&'static [u8]],
    /// Inputs to begin with, made by the program itself.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Takes an input, panics where a promise does not hold, and answers in a few words which way it went.
    pub run: fn(&[u8]) -> String,
    /// How many changed inputs the short run in the tests tries.
    pub short_run: usize,
}

impl Target {
    /// The target with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }
}
