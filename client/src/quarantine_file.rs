//! The file into which changes that were set aside are exported, for whoever looks at them. docs/format.md describes it.

use std::io::{self, Read, Write};

use minicbor::{Decode, Encode};
use regard_core::error::Refusal;
use regard_core::id::{ChangeHash, DeviceId, DocumentId, EpochId, UnitId, WorkspaceId};
use regard_core::time::Timestamp;
use regard_core::wire::Scope;

use crate::saves_file;
use crate::store::QuarantinedChange;

const MAGIC: &[u8; 16] = b"regard aside v1\n";

/// Where the changes were set aside, and by what.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Header {
    /// The workspace.
    #[n(0)]
    pub workspace: WorkspaceId,
    /// The device that could not apply them.
    #[n(1)]
    pub device: DeviceId,
    /// When the file was written, by that device's clock.
    #[n(2)]
    pub written_at: Timestamp,
    /// The program that wrote it, with its version.
    #[n(3)]
    pub program: String,
}

/// One change and all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Row {
    /// The record.
    #[n(0)]
    pub document: DocumentId,
    /// By what the change is named.
    #[n(1)]
    pub change: ChangeHash,
    /// Why it was set aside.
    #[n(2)]
    pub reason: Refusal,
    /// Who brought it.
    #[n(3)]
    pub carrier: DeviceId,
    /// Who made it, as it says.
    #[n(4)]
    pub author: Option<DeviceId>,
    /// The save that it is part of.
    #[n(5)]
    pub save: UnitId,
    /// In which log it stands.
    #[n(6)]
    pub scope: Scope,
    /// The log's life.
    #[n(7)]
    pub epoch: EpochId,
    /// Its place there.
    #[n(8)]
    pub seq: u64,
    /// When it was made, as it says.
    #[n(9)]
    pub saved_at: Timestamp,
    /// Since when it is visible.
    #[n(10)]
    pub visible_at: Timestamp,
    /// When it was set aside.
    #[n(11)]
    pub at: Timestamp,
    /// The raw change.
    #[cbor(n(12), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

impl From<QuarantinedChange> for Row {
    fn from(change: QuarantinedChange) -> Self {
        let QuarantinedChange { known, saved_at, visible_at, bytes } = change;
        Self {
            document: known.document,
            change: known.change,
            reason: known.reason,
            carrier: known.carrier,
            author: known.author,
            save: known.save,
            scope: known.scope,
            epoch: known.epoch,
            seq: known.seq,
            saved_at,
            visible_at,
            at: known.at,
            bytes,
        }
    }
}

/// Writes such a file row by row.
pub struct Writer<W>(saves_file::Writer<W>);

impl<W: Write> Writer<W> {
    /// Begins the file.
    ///
    /// # Errors
    /// As `out` has it.
    pub fn begin(out: W, header: &Header) -> io::Result<Self> {
        saves_file::Writer::begin_as(MAGIC, out, header).map(Self)
    }

    /// Writes a change.
    ///
    /// # Errors
    /// As `out` has it.
    pub fn row(&mut self, row: &Row) -> io::Result<()> {
        self.0.row(row)
    }

    /// Writes the end, without which a reader refuses the file.
    ///
    /// # Errors
    /// As `out` has it.
    pub fn end(self) -> io::Result<W> {
        self.0.end()
    }
}

/// Reads such a file to its end.
///
/// # Errors
/// [`Refusal`] where it is no such file, is cut off or was changed.
pub fn read(input: impl Read) -> Result<(Header, Vec<Row>), Refusal> {
    let (mut reader, header) = saves_file::Reader::begin_as(MAGIC, input)?;
    let mut rows = Vec::new();
    while let Some(row) = reader.next_row()? {
        rows.push(row);
    }
    Ok((header, rows))
}
