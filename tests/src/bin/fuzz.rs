//! Fuzzes everything that takes bytes of others; see [`regard_tests::fuzz`].

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use clap::Parser;
use peak_alloc::PeakAlloc;
use regard_client::system::SystemEntropy;
use regard_core::id::Entropy;
use regard_tests::fuzz::{CorpusError, Finding, Hunt, TARGETS, Tally, Target, measured, on_a_small_stack};

/// Memory is counted, so that an input that takes too much of it is a finding.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Fuzz the targets one after the other, and keep what is found in tests/fuzz.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only this target; can be given several times [default: all].
    #[arg(long, value_name = "NAME")]
    target: Vec<String>,
    /// Minutes for all targets together.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Makes the choices of an earlier run again [default: by chance].
    #[arg(long)]
    seed: Option<u64>,
    /// Run this one input of the target and tell what came of it.
    #[arg(long, value_name = "FILE", requires = "target")]
    replay: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Answers how many promises were broken.
fn run(arguments: &Arguments) -> Result<usize, String> {
    let mut wanted = Vec::new();
    for name in &arguments.target {
        let names = TARGETS.iter().map(|target| target.name).collect::<Vec<_>>().join(", ");
        wanted.push(Target::named(name).ok_or_else(|| format!("there is no target {name}; there are {names}"))?);
    }
    if let (Some(file), [target]) = (&arguments.replay, wanted.as_slice()) {
        return replay(target, file);
    }
    if wanted.is_empty() {
        wanted = TARGETS.iter().collect();
    }
    let seed = arguments.seed.unwrap_or_else(by_chance);
    println!("seed {seed}");
    println!(
        "{:12} {:>10} {:>9} {:>11} {:>9} {:>6} {:>5}",
        "target", "inputs", "per s", "slowest", "memory", "ways", "kept"
    );
    let time = Duration::try_from_secs_f64(arguments.minutes * 60.0).map_err(|error| error.to_string())?;
    let time = time / u32::try_from(wanted.len()).unwrap_or(u32::MAX);
    let mut found = 0;
    for target in wanted {
        found += hunt(target, seed, time).map_err(|error| error.to_string())?;
    }
    Ok(found)
}

/// In a thread of its own for each target, so that one input that never ends stops the whole with a word about it.
fn hunt(target: &'static Target, seed: u64, time: Duration) -> Result<usize, CorpusError> {
    let (ended, end) = mpsc::channel();
    let patience = time + STUCK_AFTER;
    std::thread::spawn(move || {
        if end.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout) {
            println!(
                "{}: an input takes longer than {STUCK_AFTER:?}; run again with --target {} --seed {seed}",
                target.name, target.name
            );
            std::process::exit(2);
        }
    });
    let (found, tally) = on_a_small_stack(move || -> Result<(usize, Tally), CorpusError> {
        let mut hunt = Hunt::new(target, seed)?;
        let mut found = 0;
        for finding in hunt.known() {
            found += 1;
            tell(&finding, None);
        }
        hunt.explore(time, &mut |finding, path| {
            found += 1;
            tell(finding, Some(path));
        })?;
        Ok((found, hunt.tally))
    })?;
    let _ = ended.send(());
    let per_second = f64::from(u32::try_from(tally.runs).unwrap_or(u32::MAX)) / tally.time.as_secs_f64().max(0.001);
    let (slowest, mib) = (format!("{:.1?}", tally.slowest), format!("{} MiB", tally.allocated >> 20));
    println!(
        "{:12} {:>10} {per_second:>9.0} {slowest:>11} {mib:>9} {:>6} {:>5}",
        target.name, tally.runs, tally.ways, tally.kept
    );
    Ok(found)
}

/// How much longer than it should a target may take.
const STUCK_AFTER: Duration = Duration::from_mins(2);

fn tell(finding: &Finding, path: Option<&Path>) {
    println!("{}: {}", finding.target, finding.message);
    if let Some(path) = path {
        println!("    cargo run -p regard-tests --bin fuzz -- --target {} --replay {}", finding.target, path.display());
    }
}

fn replay(target: &'static Target, file: &Path) -> Result<usize, String> {
    let input = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let trial = on_a_small_stack(move || measured(target, &input));
    println!("{:?} and {} bytes of memory", trial.took, trial.allocated);
    match trial.outcome {
        Ok(way) => {
            println!("the promise holds: {}\n{way}", target.promise);
            Ok(0)
        }
        Err(message) => {
            println!("the promise is broken: {}\n{message}", target.promise);
            Ok(1)
        }
    }
}

fn by_chance() -> u64 {
    let mut bytes = [0; 8];
    SystemEntropy.fill(&mut bytes);
    u64::from_be_bytes(bytes)
}
