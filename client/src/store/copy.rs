use regard_core::wire::Directory;

use super::error::StoreError;
use super::settings::{ACTOR_KEY, DIRECTORY_KEY, IDENTITY_KEY, SETTINGS_KEY, Settings};
use super::tables::SETTINGS;
use super::{Identity, Store};
use crate::store::error::During;

const INSTANCE_KEY: &str = "instance";

impl Store {
    /// Raises the store's instance counter, durably, and answers it. The relay remembers the greatest one that it was told:
    /// a store that comes with no greater one is a copy of an older state.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn next_instance(&self) -> Result<u64, StoreError> {
        self.write(|writer| {
            let known: u64 = SETTINGS.get(&writer.settings, INSTANCE_KEY)?.unwrap_or(0);
            SETTINGS.put(&mut writer.settings, INSTANCE_KEY, &(known + 1))?;
            Ok(known + 1)
        })
    }

    /// Makes the store that of a device of its own: with another id, key and token, and from the next save on with another
    /// actor. The records and what waits stay as they are.
    ///
    /// # Errors
    /// As the disk has it. The store is as it was then.
    pub fn become_device(&self, identity: Identity, token: &str, directory: &Directory) -> Result<(), StoreError> {
        // No save may take the old actor in between.
        let _writing = self.writing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.write(|writer| {
            let mut settings: Settings = SETTINGS.get(&writer.settings, SETTINGS_KEY)?.unwrap_or_default();
            if let Some(relay) = &mut settings.relay {
                token.clone_into(&mut relay.token);
            }
            SETTINGS.put(&mut writer.settings, SETTINGS_KEY, &settings)?;
            SETTINGS.put(&mut writer.settings, DIRECTORY_KEY, directory)?;
            SETTINGS.put(&mut writer.settings, IDENTITY_KEY, &identity)?;
            writer.settings.remove(ACTOR_KEY).during("remove a row")?;
            writer.settings.remove(INSTANCE_KEY).during("remove a row").map(drop)
        })?;
        *self.identity.write().unwrap_or_else(std::sync::PoisonError::into_inner) = std::sync::Arc::new(identity);
        Ok(())
    }
}
