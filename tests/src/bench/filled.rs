//! A relay and a device that both hold many records, made once and used by several runs.

use std::fs::File;
use std::path::{Path, PathBuf};

use regard_client::store::RelayAccess;
use regard_core::id::WorkspaceId;
use regard_core::wire::{Scope, Segment};
use tempfile::TempDir;

use super::plan::{Doing, Plan, made_once, rate, timed};
use super::raw::Raw;
use super::stage::{Device, Joined, RELAY_FOLDER, Served, Stage};
use super::{Failure, records};

/// How much of the log an older copy of the relay lacks: one part of so many.
const LACKING: usize = 100;
const OLDER_FOLDER: &str = "relay-older";
const LOG_FILE: &str = "log.redb";

/// The files of a relay with three devices and of one of these devices, both at rest, with the same records.
pub(super) struct Filled {
    folder: TempDir,
    device: PathBuf,
    pub(super) workspace: WorkspaceId,
    /// A device that has no store.
    pub(super) other: Joined,
    pub(super) records: usize,
    /// The whole log, as the relay hands it out.
    pub(super) log: Vec<Segment>,
}

/// What is left of the relay's log in a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Log {
    Lost,
    /// An older state, without the last hundredth of the records.
    Older,
}

/// Copied files of a relay and of a device.
pub(super) struct Copied {
    folder: TempDir,
    device: PathBuf,
}

impl std::fmt::Debug for Filled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filled").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Filled {
    pub(super) fn of(plan: &Plan) -> Result<&Self, Failure> {
        made_once(&plan.filled, || Self::make(plan))
    }

    fn make(plan: &Plan) -> Result<Self, Failure> {
        let records = plan.choose(10_000, 100_000);
        let last = records / LACKING;
        let stage = plan.wait(Stage::open(plan))?;
        let other = plan.wait(stage.join())?;
        let device = plan.wait(stage.device())?;
        let device_folder = device.store.folder().to_owned();
        let owner = stage.owner.access.clone();
        let (workspace, before) = (stage.workspace, records - last);
        plan.tell(&format!("making {records} records"));
        let (_, filled) = timed(|| records::fill(&device.store, before))?;
        let ((), sent) = timed(|| plan.wait(device.engine.settle())).doing("sending the records")?;
        plan.tell(&format!("made {:.0}/s, sent {:.0}/s for the first time", rate(before, filled), rate(before, sent)));
        plan.wait(device.close())?;
        let folder = plan.wait(stage.halt())?;
        copy(&folder.path().join(RELAY_FOLDER), &folder.path().join(OLDER_FOLDER))?;
        let log = plan.wait(async {
            let served = Served::open(folder.path()).await?;
            let device = Device::reopen(&device_folder, &served.url())?;
            records::fill(&device.store, last)?;
            device.engine.settle().await.doing("sending the records")?;
            device.close().await?;
            // Each device is told how far the others are.
            for access in [&owner, &other.access] {
                let mut raw = Raw::connect(&at(access, &served), workspace).await?;
                let (end, _) = raw.log(Scope::Records).await?;
                raw.report(Scope::Records, end).await?;
            }
            let log = read_log(&other, &served, workspace).await?;
            served.stop().await?;
            Ok::<_, Failure>(log)
        })?;
        Ok(Self { folder, device: device_folder, workspace, other, records, log })
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Opens the device itself: what it does must leave the files as they are.
    pub(super) fn device(&self, relay: &str) -> Result<Device, Failure> {
        Device::reopen(&self.device, relay)
    }

    /// All records that a copy of the relay lacks.
    pub(super) fn lacking(&self, log: Log) -> usize {
        match log {
            Log::Lost => self.records,
            Log::Older => self.records / LACKING,
        }
    }

    /// The changes of the last records, so many of them.
    pub(super) fn changes_of_last(&self, records: usize) -> Vec<&[u8]> {
        let units = self.log.iter().flat_map(|segment| &segment.units);
        let units: Vec<_> = units.collect();
        let last = &units[units.len().saturating_sub(records)..];
        last.iter().flat_map(|unit| &unit.changes).map(|change| change.bytes.as_slice()).collect()
    }

    /// Copies both, the relay with what is left of its log.
    pub(super) fn copy(&self, plan: &Plan, log: Log) -> Result<Copied, Failure> {
        let folder = plan.fresh_folder()?;
        let relay = folder.path().join(RELAY_FOLDER);
        let from = match log {
            Log::Lost => RELAY_FOLDER,
            Log::Older => OLDER_FOLDER,
        };
        copy(&self.folder().join(from), &relay)?;
        if log == Log::Lost {
            std::fs::remove_file(relay.join(LOG_FILE)).doing("removing the log")?;
        }
        let device = folder.path().join("device");
        copy(&self.device, &device)?;
        Ok(Copied { folder, device })
    }

    /// Fails where a relay has not all changes again.
    pub(super) async fn expect_whole(&self, served: &Served) -> Result<(), Failure> {
        let count = |log: &[Segment]| log.iter().map(Segment::len).sum::<u64>();
        let found = count(&read_log(&self.other, served, self.workspace).await?);
        let expected = count(&self.log);
        if found == expected {
            return Ok(());
        }
        Err(Failure::new(format!("the relay has {found} changes of {expected}")))
    }
}

impl Copied {
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn device(&self, relay: &str) -> Result<Device, Failure> {
        Device::reopen(&self.device, relay)
    }
}

async fn read_log(joined: &Joined, served: &Served, workspace: WorkspaceId) -> Result<Vec<Segment>, Failure> {
    let (_, packed) = Raw::connect(&at(&joined.access, served), workspace).await?.log(Scope::Records).await?;
    packed.iter().map(|packed| Segment::unpack(packed)).collect::<Result<_, _>>().doing("reading the log")
}

/// What was granted at another address.
fn at(access: &RelayAccess, served: &Served) -> RelayAccess {
    RelayAccess { address: served.url(), ..access.clone() }
}

/// Copies the files of a folder, down to the disk, so that no run pays for them.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let copied = || {
        std::fs::create_dir_all(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                let copied = to.join(entry.file_name());
                std::fs::copy(entry.path(), &copied)?;
                File::open(copied)?.sync_all()?;
            }
        }
        Ok::<_, std::io::Error>(())
    };
    copied().doing(&format!("copying {}", from.display()))
}
