use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::{Corpus, CorpusError, TIME_MAX, Target, Trial, measured, mutate};
use crate::harness::Seed;

/// Inputs in memory that brought out something new, beside the kept ones.
const POOL_MAX: usize = 4_096;
/// Attempts at making a finding's input shorter.
const SHORTENING_MAX: usize = 2_000;
/// Bytes of an answer that tell it from others.
const WAY_BYTES_MAX: usize = 300;

/// One target's inputs, and what was seen of them.
#[derive(Debug)]
pub struct Hunt {
    target: &'static Target,
    corpus: Corpus,
    pool: Vec<Vec<u8>>,
    ways: HashSet<String>,
    broken: HashSet<String>,
    random: Seed,
    /// What was counted.
    pub tally: Tally,
}

/// What a hunt counted.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    /// Inputs that were run.
    pub runs: u64,
    /// How long they took in all.
    pub time: Duration,
    /// How long the slowest took.
    pub slowest: Duration,
    /// The most bytes that one made the target allocate.
    pub allocated: usize,
    /// Inputs that brought out something new and were kept in the corpus.
    pub kept: usize,
    /// Ways that were seen.
    pub ways: usize,
}

/// An input that broke a promise.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The target.
    pub target: &'static str,
    /// The input, made shorter as far as it breaks the same promise.
    pub input: Vec<u8>,
    /// What was said.
    pub message: String,
}

impl Hunt {
    /// Begins with a target's seeds and kept inputs. Its choices follow from `seed`.
    ///
    /// # Errors
    /// Where the corpus cannot be read.
    pub fn new(target: &'static Target, seed: u64) -> Result<Self, CorpusError> {
        let (corpus, random) = (Corpus::read(target)?, Seed::new(seed));
        let (ways, broken) = (HashSet::new(), HashSet::new());
        Ok(Self { target, corpus, pool: Vec::new(), ways, broken, random, tally: Tally::default() })
    }

    /// Runs every seed and every kept input, those that broke a promise once too.
    pub fn known(&mut self) -> Vec<Finding> {
        let kept = self.corpus.entries().map(|(_, bytes)| bytes.to_vec());
        let known: Vec<_> = (self.target.seeds)().into_iter().chain(kept).collect();
        known.into_iter().filter_map(|input| self.input(input, None)).collect()
    }

    /// Runs `count` changed inputs.
    pub fn changed(&mut self, count: usize) -> Vec<Finding> {
        (0..count).filter_map(|_| self.next(None)).collect()
    }

    /// Runs changed inputs for a time, keeps those that bring out something new, and tells each finding when it is made. Slow
    /// inputs are findings here.
    ///
    /// # Errors
    /// Where the corpus cannot be written.
    pub fn explore(
        &mut self,
        time: Duration,
        tell: &mut dyn FnMut(&Finding, &std::path::Path),
    ) -> Result<(), CorpusError> {
        let began = Instant::now();
        while began.elapsed() < time {
            let before = self.ways.len();
            if let Some(mut finding) = self.next(Some(TIME_MAX)) {
                self.shorten(&mut finding);
                let path = self.corpus.keep_crash(&finding.input)?;
                tell(&finding, &path);
            } else if self.ways.len() > before
                && let Some(input) = self.pool.last()
                && self.corpus.keep(input)?
            {
                self.tally.kept += 1;
            }
        }
        Ok(())
    }

    fn next(&mut self, time_max: Option<Duration>) -> Option<Finding> {
        let input = if self.pool.is_empty() {
            Vec::new()
        } else {
            let (entry, other) = (self.random.one_of(&self.pool).clone(), self.random.one_of(&self.pool).clone());
            mutate(self.target.form, self.target.words, &entry, &other, &mut self.random)
        };
        self.input(input, time_max)
    }

    fn input(&mut self, input: Vec<u8>, time_max: Option<Duration>) -> Option<Finding> {
        let trial = measured(self.target, &input);
        self.count(&trial);
        let is_slow = time_max.is_some_and(|max| trial.took > max);
        let outcome = if is_slow { Err(format!("it took longer than {TIME_MAX:?}")) } else { trial.outcome };
        match outcome {
            Ok(way) => {
                if self.ways.insert(without_numbers(&way)) && self.pool.len() < POOL_MAX {
                    self.pool.push(input);
                }
                self.tally.ways = self.ways.len();
                None
            }
            Err(message) => {
                let is_new = self.broken.insert(without_numbers(&message));
                is_new.then_some(Finding { target: self.target.name, input, message })
            }
        }
    }

    fn count(&mut self, trial: &Trial) {
        let tally = &mut self.tally;
        tally.runs += 1;
        tally.time += trial.took;
        tally.slowest = tally.slowest.max(trial.took);
        tally.allocated = tally.allocated.max(trial.allocated);
    }

    /// Takes pieces out as long as the same is said.
    fn shorten(&self, finding: &mut Finding) {
        let said = without_numbers(&finding.message);
        let mut piece = finding.input.len() / 2;
        let (mut at, mut attempts) = (0, 0);
        while piece > 0 && attempts < SHORTENING_MAX {
            if at >= finding.input.len() {
                (at, piece) = (0, piece / 2);
                continue;
            }
            attempts += 1;
            let mut shorter = finding.input.clone();
            shorter.drain(at..(at + piece).min(finding.input.len()));
            let trial = measured(self.target, &shorter);
            if trial.took > TIME_MAX {
                return;
            }
            match trial.outcome {
                Err(message) if without_numbers(&message) == said => finding.input = shorter,
                _ => at += piece,
            }
        }
    }
}

/// Numbers, hashes and what was given differ from input to input: what is the same otherwise is the same way.
fn without_numbers(text: &str) -> String {
    let mut short = String::with_capacity(text.len().min(WAY_BYTES_MAX));
    for (at, quoted) in text.split(['“', '”', '`']).enumerate() {
        if at % 2 == 1 {
            short.push('“');
            continue;
        }
        for word in quoted.split_inclusive(|c: char| !c.is_alphanumeric()) {
            let name = word.trim_end_matches(|c: char| !c.is_alphanumeric());
            let is_number = name.contains(|c: char| c.is_ascii_digit());
            short.push_str(if is_number { "#" } else { name });
            short.push_str(&word[name.len()..]);
        }
        if short.len() >= WAY_BYTES_MAX {
            break;
        }
    }
    short.truncate(short.floor_char_boundary(WAY_BYTES_MAX));
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::Form;

    const BROKEN: Target = Target {
        name: "for-tests",
        promise: "no input holds `x!`",
        form: Form::Bytes,
        words: &[b"x", b"!"],
        seeds: || vec![b"a seed".to_vec()],
        run: |input| {
            assert!(!input.windows(2).any(|two| two == b"x!"), "there it is, in {} bytes", input.len());
            format!("{}", input.contains(&b'x'))
        },
        short_run: 0,
    };

    /// Were nothing found here, nothing would be found anywhere.
    #[test]
    fn what_breaks_a_promise_is_found_once_and_made_short() {
        let mut hunt = Hunt::new(&BROKEN, 7).expect("no corpus");
        assert!(hunt.known().is_empty());
        let found = hunt.changed(20_000);
        assert_eq!(found.len(), 1, "{found:?}");
        let mut finding = found[0].clone();
        hunt.shorten(&mut finding);
        assert_eq!(finding.input, b"x!");
        let again = Hunt::new(&BROKEN, 7).map(|mut hunt| {
            hunt.known();
            hunt.changed(20_000)
        });
        assert_eq!(again.expect("no corpus")[0].input, found[0].input, "the same seed makes the same choices");
    }

    #[test]
    fn numbers_and_quotes_make_no_difference() {
        assert_eq!(without_numbers("at 12 of e7x: “abc” is bad"), "at # of #: “ is bad");
    }
}
