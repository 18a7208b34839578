//! Plays seeds of the simulated world and kills processes, for as long as it is told to; see [`regard_tests::soak`].

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use regard_client::system::SystemEntropy;
use regard_core::id::Entropy;
use regard_tests::soak::{self, Finding, Sort};

/// Play seeds of the simulated world and kill processes, on all cores.
#[derive(Debug, Parser)]
struct Arguments {
    /// How long.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Only this sort of play; can be given several times [default: all].
    #[arg(long = "only", value_name = "SORT")]
    only: Vec<String>,
    /// The first seed; each play takes the next one [default: by chance].
    #[arg(long)]
    seed: Option<u64>,
    /// Play only this one seed and say what came of it.
    #[arg(long, requires = "seed")]
    once: bool,
}

fn main() -> ExitCode {
    if let Some(code) = regard_tests::kills::as_victim() {
        return code;
    }
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("Error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Whether nothing was found.
fn run(arguments: &Arguments) -> Result<bool, String> {
    let sorts = sorts(&arguments.only)?;
    let seed = arguments.seed.unwrap_or_else(|| {
        let mut bytes = [0; 8];
        SystemEntropy.fill(&mut bytes);
        // Short enough to type.
        u64::from_be_bytes(bytes) >> 24
    });
    if arguments.once {
        for sort in sorts {
            match sort.play(seed) {
                Ok(plays) => println!("{sort}, seed {seed}: nothing found in {plays} plays"),
                Err(violation) => {
                    tell(&Finding { sort, seed, violation });
                    return Ok(false);
                }
            }
        }
        return Ok(true);
    }
    if !arguments.minutes.is_finite() || arguments.minutes <= 0.0 {
        return Err("--minutes takes a number above 0".into());
    }
    println!("First seed {seed}");
    let report = soak::run(&sorts, seed, Duration::from_secs_f64(arguments.minutes * 60.0));
    report.findings.iter().for_each(tell);
    for (sort, tally) in &report.tallies {
        println!("{sort:<20} {tally}");
    }
    println!("{} found", report.findings.len());
    Ok(report.findings.is_empty())
}

fn tell(finding: &Finding) {
    let Finding { sort, seed, violation } = finding;
    eprintln!("{sort}, seed {seed}: {violation}");
    eprintln!("Again: cargo run --release -p regard-tests --bin soak -- --only {sort} --seed {seed} --once");
}

fn sorts(names: &[String]) -> Result<Vec<Sort>, String> {
    if names.is_empty() {
        return Ok(Sort::all());
    }
    let known = || Sort::all().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let named = |name: &String| {
        let found = Sort::all().into_iter().find(|sort| sort.to_string() == *name);
        found.ok_or_else(|| format!("there is no play “{name}”; there are {}", known()))
    };
    names.iter().map(named).collect()
}
