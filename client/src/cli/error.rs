use std::process::ExitCode;

use crate::api::types::{Problem, ProblemCode};
use crate::settings::BadSettings;
use crate::store::StoreError;

/// Why a command failed: what, why, and what to do next.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) problem: Problem,
    /// The reader has left: nothing is wrong and nothing is said.
    pub(super) is_quiet: bool,
    /// The person has been told already.
    pub(super) is_told: bool,
}

impl Failure {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Problem::new(ProblemCode::Failed, message).into()
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Problem::new(ProblemCode::Invalid, message).into()
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { problem: self.problem.hint(hint), ..self }
    }

    /// Documented in `regard --help` and in the user guide.
    pub(super) fn exit_code(&self) -> ExitCode {
        if self.is_quiet {
            return ExitCode::SUCCESS;
        }
        ExitCode::from(match self.problem.code {
            ProblemCode::Failed => 1,
            ProblemCode::Invalid => 2,
            ProblemCode::NotFound => 3,
            ProblemCode::Ambiguous => 4,
            ProblemCode::Offline => 5,
            ProblemCode::Refused => 6,
            ProblemCode::Conflict => 7,
            ProblemCode::Damaged => 8,
        })
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem, is_quiet: false, is_told: false }
    }
}

impl From<BadSettings> for Failure {
    fn from(bad: BadSettings) -> Self {
        Self::invalid(bad.sentence).hint(bad.hint)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Problem::from(error).into()
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let is_quiet = error.kind() == std::io::ErrorKind::BrokenPipe;
        Self { is_quiet, ..Self::new(format!("the output could not be written: {error}")) }
    }
}
