use regard_core::error::{Cause, Refusal};
use regard_core::id::{DeviceId, MemberId, WorkspaceId};
use regard_core::time::Timestamp;
use regard_core::wire::access::{CopyRequest, JoinResponse, Secret};
use regard_core::wire::{self};

use super::directory::raise_version;
use super::joining::{NewDevice, add_device};
use super::rows::{INSTANCES, pair_key};
use super::{AccessError, AccessStore, Caller};
use crate::ambient::Randomness;
use crate::store::{StoreError, file};

impl AccessStore {
    /// Notes the instance counter that a device's store says at connecting. It grows with each connection, so a store that
    /// says no more than another has said already is a copy of an older state. Zero counts nothing.
    ///
    /// # Errors
    /// [`Cause::Copied`] for a copy.
    pub(crate) fn note_instance(
        &self,
        workspace: WorkspaceId,
        device: DeviceId,
        instance: u64,
    ) -> Result<(), AccessError> {
        if instance == 0 {
            return Ok(());
        }
        let transaction = file::begin(&self.database)?;
        {
            let mut instances = INSTANCES.write(&transaction)?;
            let key = pair_key(workspace, device.as_bytes());
            let known = instances.get(&key, |row| wire::decode::<u64>(row, "instance"))?.unwrap_or(0);
            if instance <= known {
                let detail = "this store is a copy or was restored: the device has connected since with a newer one";
                return Err(Refusal::new(Cause::Copied, detail).into());
            }
            instances.put(&key, wire::encode(&instance))?;
        }
        Ok(file::commit(transaction)?)
    }

    /// Makes a device of its own for a copied or restored store, in the name of the device that it was copied from. That one
    /// stays as it is: the original store may well be in use.
    pub(crate) fn copy_device(
        &self,
        caller: &Caller,
        request: &CopyRequest,
        now: Timestamp,
    ) -> Result<JoinResponse, AccessError> {
        let (workspace, member): (_, MemberId) = (caller.workspace, caller.member);
        let token = Secret::random(&mut Randomness::fresh().map_err(StoreError::NoRandomness)?);
        let transaction = file::begin(&self.database)?;
        let device =
            NewDevice { id: request.device, name: &request.device_name, public_key: &request.public_key, member };
        add_device(&transaction, workspace, &device, &token, now)?;
        raise_version(&transaction, workspace)?;
        file::commit(transaction)?;
        Ok(JoinResponse { token: token.reveal(), member, directory: self.directory(workspace)? })
    }
}
