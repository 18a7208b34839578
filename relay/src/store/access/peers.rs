use regard_core::id::{DeviceId, WorkspaceId};
use regard_core::time::Timestamp;
use regard_core::wire::{self, PeerApplied};

use super::AccessStore;
use super::rows::{PEERS, PeerRow, of_workspace, pair_key, second_id};
use crate::store::{StoreError, file};

/// Where a device was when it was last heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredPeer {
    pub(crate) device: DeviceId,
    pub(crate) since: Timestamp,
    pub(crate) applied: Vec<PeerApplied>,
}

impl AccessStore {
    /// Where the workspace's devices were.
    pub(crate) fn peers(&self, workspace: WorkspaceId) -> Result<Vec<StoredPeer>, StoreError> {
        let transaction = self.read()?;
        let decode = |row: &[u8]| wire::decode::<PeerRow>(row, "peer");
        let rows = PEERS.read(&transaction)?.scan(of_workspace(workspace), decode, |_| true)?;
        let stored = rows.into_iter().map(|(key, row)| StoredPeer {
            device: DeviceId::from_bytes(second_id(&key)),
            since: row.since,
            applied: row.applied,
        });
        Ok(stored.collect())
    }

    /// Keeps where devices are, all in one commit.
    pub(crate) fn save_peers(&self, peers: Vec<(WorkspaceId, StoredPeer)>) -> Result<(), StoreError> {
        if peers.is_empty() {
            return Ok(());
        }
        let transaction = file::begin(&self.database)?;
        {
            let mut rows = PEERS.write(&transaction)?;
            for (workspace, peer) in peers {
                let row = PeerRow { since: peer.since, applied: peer.applied };
                rows.put(&pair_key(workspace, peer.device.as_bytes()), wire::encode(&row))?;
            }
        }
        file::commit(transaction)
    }
}
