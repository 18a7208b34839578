use regard_core::error::{Cause, Refusal};
use regard_core::id::{DeviceId, MemberId, WorkspaceId};
use regard_core::time::Timestamp;
use regard_core::wire::access::{CopyRequest, JoinResponse, Secret};
use regard_core::wire::{self};

use super::directory::raise_version;
use super::joining::{NewDevice, add_device, role_now};
use super::rows::{INSTANCES, pair_key};
use super::{AccessError, AccessStore, Caller};
use crate::store::file;

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
    /// stays as it is: the original store may well be in use. One that has lost its rights since it proved itself gets nothing.
    pub(crate) fn copy_device(
        &self,
        caller: &Caller,
        request: &CopyRequest,
        now: Timestamp,
    ) -> Result<JoinResponse, AccessError> {
        let (workspace, member): (_, MemberId) = (caller.workspace, caller.member);
        let token = Secret::random(&mut self.randomness()?);
        let transaction = file::begin(&self.database)?;
        role_now(&transaction, caller)?;
        let device =
            NewDevice { id: request.device, name: &request.device_name, public_key: &request.public_key, member };
        add_device(&transaction, workspace, &device, &token, now)?;
        raise_version(&transaction, workspace)?;
        file::commit(transaction)?;
        Ok(JoinResponse { token: token.reveal(), member, directory: self.directory(workspace)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::access::{By, Rights};
    use regard_core::wire::access::JoinRequest;

    /// Shut out between proving itself and the request: a copy would be a way back in.
    #[test]
    fn a_device_that_was_shut_out_meanwhile_makes_no_copy() {
        let folder = tempfile::tempdir().expect("a folder");
        let access = AccessStore::open(&folder.path().join("access.redb")).expect("a file");
        let workspace = WorkspaceId::from_bytes([1; 16]);
        let founding = access.create_workspace(workspace, "Team").expect("a workspace");
        let device = DeviceId::from_bytes([2; 16]);
        let request = JoinRequest {
            invitation: founding.reveal(),
            device,
            device_name: "laptop".into(),
            member: MemberId::from_bytes([3; 16]),
            member_name: "Ana".into(),
            public_key: "00".repeat(32),
            founds: true,
        };
        let joined = access.join(workspace, &request, Timestamp(1)).expect("joined");
        let token = joined.token.parse().expect("a token");
        let caller = access.authenticate(workspace, &token, 1).expect("a device");
        let copy = |number: u8| CopyRequest {
            device: DeviceId::from_bytes([number; 16]),
            device_name: "laptop (copy)".into(),
            public_key: "00".repeat(32),
        };
        access.copy_device(&caller, &copy(4), Timestamp(2)).expect("a copy");
        let shut_out = Rights::ShutOut(device);
        access.change_rights(workspace, By::Host, shut_out, Timestamp(3), |_| Ok(())).expect("shut out");
        let refused = access.copy_device(&caller, &copy(5), Timestamp(4)).expect_err("no way back in");
        assert_eq!(refused.as_refusal().cause, Cause::Revoked, "{refused}");
        assert_eq!(access.directory(workspace).expect("a directory").devices.len(), 2);
    }
}
