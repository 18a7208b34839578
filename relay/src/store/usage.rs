//! How much of its quota each workspace and each device has used, counted in the commit that uses it.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};
use regard_core::error::{Cause, Refusal};
use regard_core::gate::Header;
use regard_core::id::{DeviceId, WorkspaceId};
use regard_core::record::genesis;
use regard_core::sync::{CheckedUnit, Placed};
use regard_core::wire;

use super::StoreError;
use super::rows::WriteRows;
use super::tables::joined;
use crate::quotas::{Quota, Quotas};

/// What is stored of a workspace, or was brought by a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub(super) struct Used {
    /// Bytes of changes before compression.
    #[n(0)]
    pub(super) bytes: u64,
    #[n(1)]
    pub(super) documents: u64,
}

impl Used {
    /// What a unit adds to a log: only what is new there counts.
    pub(super) fn by(unit: &CheckedUnit, placed: &[Placed]) -> Self {
        let changes = unit.unit.changes.iter().zip(&unit.headers).zip(placed);
        let new = changes.filter(|(_, placed)| matches!(placed, Placed::New(_)));
        new.fold(Self::default(), |used, ((change, header), _)| used.plus(Self::by_change(change.bytes.len(), header)))
    }

    /// What one new change adds.
    pub(super) fn by_change(bytes: usize, header: &Header) -> Self {
        // Every record begins with one of the frozen first changes.
        let documents = u64::from(genesis::kind_of(header.hash).is_some());
        Self { bytes: bytes as u64, documents }
    }

    pub(super) fn plus(self, more: Self) -> Self {
        Self { bytes: self.bytes.saturating_add(more.bytes), documents: self.documents.saturating_add(more.documents) }
    }
}

/// The key of a device's use, or, without one, of the whole workspace's.
pub(super) fn usage_key(workspace: WorkspaceId, device: Option<DeviceId>) -> [u8; 32] {
    joined(workspace.as_bytes(), device.map_or([0; 16], |device| *device.as_bytes()).as_slice())
}

/// What is used, as one commit finds and changes it.
pub(super) struct Ledger {
    quotas: Quotas,
    used: BTreeMap<[u8; 32], Used>,
}

impl Ledger {
    pub(super) fn new(quotas: Quotas) -> Self {
        Self { quotas, used: BTreeMap::new() }
    }

    /// Reads what the workspace and the device have used, where that is not known yet.
    pub(super) fn load(
        &mut self,
        rows: &WriteRows<'_, 32>,
        workspace: WorkspaceId,
        device: DeviceId,
    ) -> Result<(), StoreError> {
        for key in [usage_key(workspace, None), usage_key(workspace, Some(device))] {
            if let std::collections::btree_map::Entry::Vacant(free) = self.used.entry(key) {
                free.insert(rows.get(&key, used_row)?.unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Counts what a unit adds; where that goes beyond a quota, counts nothing and says so. Both must be loaded.
    pub(super) fn charge(&mut self, workspace: WorkspaceId, device: DeviceId, added: Used) -> Result<(), Refusal> {
        let whole = (usage_key(workspace, None), "the workspace", "workspace", self.quotas.workspace);
        let own = (usage_key(workspace, Some(device)), "this device", "device", self.quotas.device);
        for (key, who, setting, quota) in [whole, own] {
            within(who, setting, self.used(&key), added, quota)?;
        }
        for key in [whole.0, own.0] {
            self.used.insert(key, self.used(&key).plus(added));
        }
        Ok(())
    }

    /// Writes everything that was loaded.
    pub(super) fn store(self, rows: &mut WriteRows<'_, 32>) -> Result<(), StoreError> {
        self.used.iter().try_for_each(|(key, used)| rows.put(key, wire::encode(used)))
    }

    fn used(&self, key: &[u8; 32]) -> Used {
        self.used.get(key).copied().unwrap_or_default()
    }
}

pub(super) fn used_row(row: &[u8]) -> Result<Used, Refusal> {
    wire::decode(row, "use of a quota")
}

fn within(who: &str, setting: &str, used: Used, added: Used, quota: Quota) -> Result<(), Refusal> {
    let then = used.plus(added);
    let over = |what: &str, used: String, allowed: String, setting_ending: &str| {
        let detail = format!(
            "{who} has used {used} of the {allowed} {what} that this relay allows it, and the save does not fit; whoever \
             runs the relay can raise {setting}_{setting_ending}"
        );
        Err(Refusal::new(Cause::OverQuota, detail))
    };
    // What adds nothing is a duplicate, which is answered whatever the quota is.
    if added.bytes > 0 && then.bytes > quota.bytes {
        return over("of changes", bytes(used.bytes), bytes(quota.bytes), "bytes");
    }
    if added.documents > 0 && then.documents > quota.documents {
        return over("records", used.documents.to_string(), quota.documents.to_string(), "documents");
    }
    Ok(())
}

/// Bytes as people read them.
fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let mut tenths = bytes.saturating_mul(10) / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_as_people_read_them() {
        let told = [0, 1023, 1024, 1536, 5 << 20, 64 << 30, 3 << 50].map(bytes);
        assert_eq!(told, ["0 bytes", "1023 bytes", "1.0 KB", "1.5 KB", "5.0 MB", "64.0 GB", "3072.0 TB"]);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_whose_how_much_and_who_can_help_and_counts_nothing() {
        let small = Quota { bytes: 2048, documents: 2, changes_per_second: 1 };
        let mut ledger = Ledger::new(Quotas { device: small, ..Quotas::default() });
        let (workspace, device) = (WorkspaceId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
        let kilobyte = Used { bytes: 1024, documents: 1 };
        ledger.charge(workspace, device, kilobyte).expect("room");
        let refusal = ledger.charge(workspace, device, Used { bytes: 1025, documents: 0 }).expect_err("too much");
        assert_eq!(refusal.cause, Cause::OverQuota);
        assert_eq!(
            refusal.detail,
            "this device has used 1.0 KB of the 2.0 KB of changes that this relay allows it, and the save does not fit; \
             whoever runs the relay can raise device_bytes"
        );
        ledger.charge(workspace, device, kilobyte).expect("the refused unit took nothing");
        ledger.charge(workspace, device, Used::default()).expect("a duplicate adds nothing");
        let refusal = ledger.charge(workspace, device, Used { bytes: 0, documents: 1 }).expect_err("too many");
        assert!(refusal.detail.contains("2 of the 2 records"), "{refusal}");
        ledger.charge(workspace, DeviceId::from_bytes([3; 16]), kilobyte).expect("another device has its own");
    }
}
