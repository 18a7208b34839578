use std::collections::BTreeMap;
use std::path::PathBuf;

use regard_core::limits::UNIT_CHANGES_MAX;
use regard_core::time::Timestamp;
use regard_core::wire::{Scope, Unit};

use super::super::error::StoreError;
use super::super::identity::Identity;
use super::Aside;
use crate::saves_file::{Header, Writer};

/// Units that stand in one block of the file.
const UNITS_TOGETHER: usize = 100;
const _: () = assert!(UNITS_TOGETHER <= UNIT_CHANGES_MAX);

/// What was never sent.
#[derive(Default)]
pub(super) struct Unsent {
    /// Saves that wait in the new store.
    pub(super) waiting: u64,
    /// Changes that cannot be read.
    pub(super) lost: u64,
    /// Saves that cannot be applied yet, in their order.
    apart: BTreeMap<u8, Vec<Unit>>,
}

impl Unsent {
    pub(super) fn put_apart(&mut self, scope: u8, unit: Unit) {
        self.apart.entry(scope).or_default().push(unit);
    }

    pub(super) fn apart(&self) -> u64 {
        self.apart.values().map(|units| units.len() as u64).sum()
    }

    /// Writes what cannot be applied yet into a file that `regard outbox import` takes in.
    pub(super) fn write(&self, identity: &Identity, aside: &mut Aside) -> Result<Option<PathBuf>, StoreError> {
        if self.apart.is_empty() {
            return Ok(None);
        }
        let header = Header { workspace: identity.workspace, device: identity.device, written_at: Timestamp(0) };
        let write = || {
            let mut writer = Writer::begin(Vec::new(), &header)?;
            for scope in Scope::ALL {
                for units in self.apart.get(&scope.number()).into_iter().flat_map(|units| units.chunks(UNITS_TOGETHER))
                {
                    writer.units(scope, &units.to_vec())?;
                }
            }
            writer.end()
        };
        let bytes = write().map_err(|source| StoreError::Folder { path: PathBuf::from("unsent.saves"), source })?;
        aside.write("unsent.saves", &bytes).map(Some)
    }
}
