use minicbor::{Decode, Encode};
use regard_core::error::Refusal;
use regard_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Store;
use super::error::StoreError;
use super::tables::SETTINGS;

const SHUT_OUT_KEY: &str = "shut_out";
const CONTACT_KEY: &str = "contact";

/// The relay said that this device has no access any more.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct ShutOut {
    /// When this device heard of it, by its own clock.
    #[n(0)]
    pub heard_at: Timestamp,
    /// What the relay said.
    #[n(1)]
    pub reason: Refusal,
}

impl Store {
    /// What the relay said when it shut this device out, where it did.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn shut_out(&self) -> Result<Option<ShutOut>, StoreError> {
        self.read_setting::<Option<ShutOut>>(SHUT_OUT_KEY).map(Option::flatten)
    }

    /// Keeps that this device is shut out, or that it is not, unless that is known already.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn keep_shut_out(&self, shut_out: Option<&ShutOut>) -> Result<(), StoreError> {
        if self.shut_out()?.as_ref().map(|known| &known.reason) == shut_out.map(|told| &told.reason) {
            return Ok(());
        }
        self.write(|writer| SETTINGS.put(&mut writer.settings, SHUT_OUT_KEY, &shut_out))
    }

    /// When something was last heard from the relay, as far as it was kept.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn contact(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read_setting(CONTACT_KEY)
    }

    /// Keeps when something was last heard from the relay. Becomes durable with the next save or when the store is closed.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn keep_contact(&self, at: Timestamp) -> Result<(), StoreError> {
        self.write_lazily(|writer| SETTINGS.put(&mut writer.settings, CONTACT_KEY, &at))
    }
}
