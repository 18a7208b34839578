//! What is fuzzed, and what must hold of each.

mod admission;
mod batches;
mod bodies;
mod frames;
mod gate;
mod imports;
mod queries;
mod records;
mod saves;
mod session;
mod settings;
mod sheets;
mod texts;

use super::Target;

/// All targets.
pub const TARGETS: &[Target] = &[
    frames::TARGET,
    batches::TARGET,
    gate::TARGET,
    admission::TARGET,
    session::TARGET,
    imports::MAIL,
    imports::MAILBOX,
    imports::CARDS,
    imports::CALENDARS,
    sheets::TARGET,
    queries::TARGET,
    texts::TARGET,
    settings::TARGET,
    saves::TARGET,
    bodies::TARGET,
];

/// The bytes of an answer as text: a cause, or what it is called.
fn cause<T>(outcome: &Result<T, regard_core::error::Refusal>) -> String {
    match outcome {
        Ok(_) => "ok".into(),
        Err(refusal) => format!("{:?} {}", refusal.cause, refusal.detail),
    }
}
