use clap::Args;
use regard_relay::{Quota, Quotas};
use serde::{Deserialize, Serialize};

/// What workspaces and devices may use, as settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QuotaSettings {
    /// Bytes of changes that each workspace may store.
    workspace_bytes: u64,
    /// Records that each workspace may store.
    workspace_documents: u64,
    /// Changes a second that each workspace may bring; faster ones wait.
    workspace_changes_per_second: u32,
    /// Bytes of changes that each device may bring.
    device_bytes: u64,
    /// Records that each device may bring.
    device_documents: u64,
    /// Changes a second that each device may bring; faster ones wait.
    device_changes_per_second: u32,
}

/// The same on the command line.
#[derive(Debug, Clone, Default, Args, Serialize)]
pub(crate) struct QuotaFlags {
    /// Bytes of changes that each workspace may store.
    #[arg(long, value_name = "BYTES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace_bytes: Option<u64>,
    /// Records that each workspace may store.
    #[arg(long, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace_documents: Option<u64>,
    /// Changes a second that each workspace may bring; faster ones wait.
    #[arg(long, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace_changes_per_second: Option<u32>,
    /// Bytes of changes that each device may bring.
    #[arg(long, value_name = "BYTES")]
    #[serde(skip_serializing_if = "Option::is_none")]
    device_bytes: Option<u64>,
    /// Records that each device may bring.
    #[arg(long, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    device_documents: Option<u64>,
    /// Changes a second that each device may bring; faster ones wait.
    #[arg(long, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    device_changes_per_second: Option<u32>,
}

impl QuotaSettings {
    pub(crate) fn quotas(&self) -> Quotas {
        let Self { workspace_bytes, workspace_documents, workspace_changes_per_second, .. } = *self;
        let Self { device_bytes, device_documents, device_changes_per_second, .. } = *self;
        Quotas {
            workspace: Quota {
                bytes: workspace_bytes,
                documents: workspace_documents,
                changes_per_second: workspace_changes_per_second,
            },
            device: Quota {
                bytes: device_bytes,
                documents: device_documents,
                changes_per_second: device_changes_per_second,
            },
        }
    }
}

impl Default for QuotaSettings {
    fn default() -> Self {
        let Quotas { workspace, device } = Quotas::default();
        Self {
            workspace_bytes: workspace.bytes,
            workspace_documents: workspace.documents,
            workspace_changes_per_second: workspace.changes_per_second,
            device_bytes: device.bytes,
            device_documents: device.documents,
            device_changes_per_second: device.changes_per_second,
        }
    }
}
