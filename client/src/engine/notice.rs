use regard_core::error::Refusal;
use regard_core::id::{DeviceId, DocumentId, UnitId};
use regard_core::sync::Link;
use serde::{Deserialize, Serialize};

/// Something that people may want to see as it happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Notice {
    /// A save is durable here.
    Saved {
        /// The save.
        save: UnitId,
        /// Its records.
        records: Vec<DocumentId>,
    },
    /// Saves of an import are durable here.
    Imported {
        /// How many.
        saves: usize,
    },
    /// A save of this device is visible to everybody.
    Visible {
        /// The save.
        save: UnitId,
    },
    /// The relay did not take a save. It is kept here.
    Refused {
        /// The save.
        save: UnitId,
        /// Why.
        reason: Refusal,
    },
    /// Changes of others are here.
    Arrived {
        /// The records that changed.
        records: Vec<DocumentId>,
        /// Changes that were set aside.
        set_aside: usize,
    },
    /// Another device could not apply a save of this one. What it says is made again.
    SetAside {
        /// The save.
        save: UnitId,
        /// Person and device.
        name: String,
    },
    /// What a save says that another device could not apply has been made again.
    MadeAgain {
        /// The save.
        save: UnitId,
        /// The save that says the same, where there is one.
        again: Option<UnitId>,
    },
    /// What had been set aside is applied after all.
    Healed {
        /// How many changes.
        changes: u64,
    },
    /// The connection changed.
    Link {
        /// How it stands.
        link: Link,
    },
    /// Another device came or went.
    Peer {
        /// The device.
        device: DeviceId,
        /// Person and device.
        name: String,
        /// Whether it is connected.
        online: bool,
    },
    /// The listener was too slow and missed some.
    Missed {
        /// How many.
        count: u64,
    },
}
