//! Measures Regard against the limits of the machine, in the same run; see [`regard_tests::bench`].

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use regard_tests::bench::{Failure, Group, Plan, Report};

/// Measure Regard against the limits of this machine.
#[derive(Debug, Parser)]
struct Arguments {
    /// What to measure [default: everything].
    groups: Vec<Group>,
    /// Fewer runs of less: minutes become seconds, and spreads grow.
    #[arg(long)]
    quick: bool,
    /// Find among a million records instead of a hundred thousand; making them takes minutes.
    #[arg(long)]
    large: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Measure the disk of this folder [default: TMPDIR, or where this program lies].
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// The date to print [default: the system's].
    #[arg(long)]
    date: Option<String>,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("Error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let machine = Machine::look(arguments.date);
    let plan = Plan::new(folder(arguments.folder)?, arguments.quick, arguments.large)?;
    let mut report = Report::default();
    let wanted = |group: &Group| arguments.groups.is_empty() || arguments.groups.contains(group);
    for group in Group::ALL.into_iter().filter(wanted) {
        group.measure(&plan, &mut report)?;
    }
    if arguments.json {
        let Machine { cores, rustc, date } = machine;
        let machine = serde_json::json!({ "cores": cores, "rustc": rustc, "date": date });
        println!("{}", serde_json::json!({ "machine": machine, "figures": report.json() }));
    } else {
        println!("{} cores, {}, {}", machine.cores, machine.rustc, machine.date);
        println!("{}", report.table());
    }
    Ok(())
}

/// `/tmp` is memory on many machines, so it is measured only where somebody says so.
fn folder(wanted: Option<PathBuf>) -> Result<PathBuf, Failure> {
    if let Some(folder) = wanted.or_else(|| std::env::var_os("TMPDIR").map(PathBuf::from)) {
        return Ok(folder);
    }
    let program = std::env::current_exe().map_err(|error| Failure::new(format!("finding this program: {error}")))?;
    program.parent().map(PathBuf::from).ok_or_else(|| Failure::new("this program lies in no folder"))
}

struct Machine {
    cores: usize,
    rustc: String,
    date: String,
}

impl Machine {
    fn look(date: Option<String>) -> Self {
        let rustc = std::process::Command::new("rustc").arg("--version").output();
        let rustc = rustc.ok().and_then(|output| String::from_utf8(output.stdout).ok());
        Self {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            rustc: rustc.map_or_else(|| "rustc unknown".into(), |version| version.trim().to_owned()),
            date: date.unwrap_or_else(|| regard_client::system::now().to_string()),
        }
    }
}
