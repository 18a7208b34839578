//! Every target on its seeds, on what is kept of earlier runs, and on some changed inputs. The long run is
//! `cargo run --release -p regard-tests --bin fuzz`.

use peak_alloc::PeakAlloc;
use regard_tests::fuzz::{Hunt, TARGETS, on_a_small_stack};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The same in every run, so that what fails here fails again.
const SEED: u64 = 20_261_123;

/// One test for all, since memory is counted for the whole process.
#[test]
fn no_promise_is_broken_by_kept_and_changed_inputs() {
    let mut broken = Vec::new();
    for target in TARGETS {
        let (found, tally) = on_a_small_stack(move || {
            let mut hunt = Hunt::new(target, SEED).expect("the corpus is read");
            let mut found = hunt.known();
            found.extend(hunt.changed(target.short_run));
            (found, hunt.tally)
        });
        let (took, slowest, mib) = (tally.time, tally.slowest, tally.allocated >> 20);
        eprintln!(
            "{}: seed {SEED}, {} inputs in {took:.1?}, slowest {slowest:.1?}, {mib} MiB",
            target.name, tally.runs
        );
        broken.extend(found.into_iter().map(|finding| {
            format!("{}: {}\n{}", finding.target, finding.message, regard_core::id::to_hex(&finding.input))
        }));
    }
    assert!(broken.is_empty(), "{} promises are broken:\n{}", broken.len(), broken.join("\n\n"));
}
