use std::fmt::Write;

use super::super::Context;
use super::super::error::Failure;
use super::super::output::{BAD, BOLD, DIM, GOOD, WARN, plain};
use crate::doctor::{self, Finding, State};

/// Look for what is wrong, and name the command that mends it. Exit code 1 where there is a problem.
#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// Leave out what takes long: looking at everything in the store.
    #[arg(long)]
    quick: bool,
}

impl Doctor {
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<(), Failure> {
        let findings = doctor::examine(&context.loaded, context.bad_settings.as_ref(), self.quick).await;
        let answer = serde_json::json!({ "checks": findings });
        context.output.answer(&answer, |_| people(&findings))?;
        let problems = findings.iter().filter(|finding| finding.state == State::Problem).count();
        if problems == 0 {
            return Ok(());
        }
        let what =
            if problems == 1 { "there is a problem".to_owned() } else { format!("there are {problems} problems") };
        Err(Failure { is_told: true, ..Failure::new(what) })
    }
}

fn people(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { check, state, message, hint } in findings {
        let (style, word) = match state {
            State::Ok => (GOOD, "ok"),
            State::Warning => (WARN, "warning"),
            State::Problem => (BAD, "problem"),
        };
        let _ = writeln!(text, "{style}{word:<8}{style:#} {BOLD}{check:<10}{BOLD:#} {}", plain(message));
        if let Some(hint) = hint {
            let _ = writeln!(text, "{:20}{DIM}Hint: {}{DIM:#}", "", plain(hint));
        }
    }
    text
}
