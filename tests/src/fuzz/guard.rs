//! Runs one input so that a broken promise is an answer.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;

use super::Target;

/// Bytes that one input may make a target take at a time, beside what C code takes. Inputs have at most
/// [`super::INPUT_BYTES_MAX`]; the largest honest answer is a batch of 16 MiB, decoded.
pub const BYTES_ALLOCATED_MAX: usize = 192 << 20;
/// How long one input may take before it is told as a finding, where findings of time are wanted. Honest inputs of this size take
/// milliseconds; a record with all the entries that it may have takes a second or two, and more where others use the machine too.
pub const TIME_MAX: Duration = Duration::from_secs(20);
/// The stack of a test's thread and of tokio's: what recurses by the input must fit into it.
const STACK_BYTES: usize = 2 << 20;

thread_local! {
    static RUNS: Cell<bool> = const { Cell::new(false) };
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What came of one input.
#[derive(Debug)]
pub struct Trial {
    /// Which way it went, or which promise it broke.
    pub outcome: Result<String, String>,
    /// How long it took.
    pub took: Duration,
    /// The most bytes that were allocated at a time; zero where the program does not count them.
    pub allocated: usize,
}

/// Runs a target on an input. A program that wants memory measured has [`PeakAlloc`] as its allocator, and runs one input at a time.
#[must_use]
pub fn measured(target: &Target, input: &[u8]) -> Trial {
    listen_for_panics();
    let memory = PeakAlloc;
    memory.reset_peak_usage();
    let (before, began) = (memory.current_usage(), Instant::now());
    RUNS.set(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    RUNS.set(false);
    let (took, allocated) = (began.elapsed(), memory.peak_usage().saturating_sub(before));
    let outcome = outcome.map_err(|_| LAST_PANIC.take()).and_then(|way| {
        let mib = allocated >> 20;
        if allocated > BYTES_ALLOCATED_MAX { Err(format!("it took {mib} MiB of memory")) } else { Ok(way) }
    });
    Trial { outcome, took, allocated }
}

/// Runs `work` in a thread with a small stack and answers what it answers.
///
/// # Panics
/// As `work` does.
pub fn on_a_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new().name("fuzz".into()).stack_size(STACK_BYTES).spawn(work);
    let thread = thread.expect("a thread can be started");
    thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic))
}

/// Panics of targets are kept, not printed; all others are told as ever.
fn listen_for_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let otherwise = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !RUNS.get() {
                return otherwise(info);
            }
            // What the gate catches comes first here; what ends the run comes last and stays.
            LAST_PANIC.set(info.to_string());
        }));
    });
}
