//! What can be wrong with a device, looked at from the settings to the records, each with what mends it.

mod device;
mod workspace;

use std::path::Path;

use serde::Serialize;

use crate::api::Client;
use crate::settings::{BadSettings, Loaded};

/// What was found by one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check's name.
    pub check: &'static str,
    /// How it stands.
    pub state: State,
    /// What was found, as a sentence without a full stop.
    pub message: String,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Somebody should know of it.
    Warning,
    /// Something does not work, or something may be lost.
    Problem,
}

impl Finding {
    fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, state: State::Ok, message: message.into(), hint: None }
    }

    fn warning(check: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check, state: State::Warning, message: message.into(), hint: Some(hint.into()) }
    }

    fn problem(check: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { check, state: State::Problem, message: message.into(), hint: Some(hint.into()) }
    }
}

/// Makes all checks; where the store cannot be opened, those that need none. `quick` leaves out looking at every row.
pub async fn examine(loaded: &Loaded, bad_settings: Option<&BadSettings>, quick: bool) -> Vec<Finding> {
    let mut findings = device::settings(loaded, bad_settings);
    let folder = &loaded.settings.store;
    findings.extend(device::folder(folder));
    let client = match open(folder).await {
        Ok(client) => client,
        Err(finding) => {
            findings.push(finding);
            return findings;
        }
    };
    findings.extend(workspace::examine(&client, quick).await);
    client.close().await;
    findings
}

async fn open(folder: &Path) -> Result<Client, Finding> {
    Client::open(folder).await.map_err(|problem| {
        let hint =
            problem.hint.unwrap_or_else(|| "`regard restore FILE --store FOLDER` makes a store of a backup.".into());
        Finding::problem("store", workspace::with_causes(problem.message, &problem.causes), hint)
    })
}
