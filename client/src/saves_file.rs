//! The file in which saves that a device could not send travel to another one. docs/format.md describes it.

use std::io::{self, Read, Write};

use minicbor::{Decode, Encode};
use regard_core::error::{Cause, Refusal};
use regard_core::id::{DeviceId, WorkspaceId};
use regard_core::limits::FRAME_BYTES_MAX;
use regard_core::time::Timestamp;
use regard_core::wire::{self, Scope, Unit};
use sha2::{Digest, Sha256};

const MAGIC: &[u8; 16] = b"regard saves v1\n";
const DIGEST_BYTES: usize = 32;

/// Whose saves the file holds.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Header {
    /// The workspace.
    #[n(0)]
    pub workspace: WorkspaceId,
    /// The device that could not send them.
    #[n(1)]
    pub device: DeviceId,
    /// When the file was written, by that device's clock.
    #[n(2)]
    pub written_at: Timestamp,
}

/// Saves of one scope, in the order in which they can be applied.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Block {
    #[n(0)]
    scope: Scope,
    /// Packed units, as a push carries them.
    #[cbor(n(1), with = "minicbor::bytes")]
    units: Vec<u8>,
}

/// Writes such a file piece by piece.
pub struct Writer<W> {
    out: W,
    digest: Sha256,
}

impl<W: Write> Writer<W> {
    /// Begins the file.
    ///
    /// # Errors
    /// As `out` has it.
    pub fn begin(out: W, header: &Header) -> io::Result<Self> {
        Self::begin_as(MAGIC, out, header)
    }

    /// Begins a file of another sort in the same frame.
    pub(crate) fn begin_as(magic: &[u8; 16], out: W, header: &impl Encode<()>) -> io::Result<Self> {
        let mut writer = Self { out, digest: Sha256::new() };
        writer.write(magic)?;
        writer.block(&wire::encode(header))?;
        Ok(writer)
    }

    /// Writes saves of a scope.
    ///
    /// # Errors
    /// As `out` has it.
    pub fn units(&mut self, scope: Scope, units: &Vec<Unit>) -> io::Result<()> {
        self.row(&Block { scope, units: wire::encode_batch(units) })
    }

    pub(crate) fn row(&mut self, row: &impl Encode<()>) -> io::Result<()> {
        self.block(&wire::encode(row))
    }

    /// Writes the end, without which a reader refuses the file.
    ///
    /// # Errors
    /// As `out` has it.
    pub fn end(mut self) -> io::Result<W> {
        self.write(&0u32.to_be_bytes())?;
        let digest = self.digest.finalize();
        self.out.write_all(&digest)?;
        Ok(self.out)
    }

    fn block(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(|_| io::Error::other("a block has more than 4 GiB"))?;
        self.write(&length.to_be_bytes())?;
        self.write(bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.out.write_all(bytes)
    }
}

/// Reads such a file piece by piece. What it hands out before [`Reader::next_units`] answers `None` may be of a damaged file.
pub struct Reader<R> {
    input: R,
    digest: Sha256,
}

impl<R: Read> Reader<R> {
    /// Reads the beginning.
    ///
    /// # Errors
    /// [`Cause::Malformed`] where it is no such file, [`Cause::Damaged`] where it is cut off.
    pub fn begin(input: R) -> Result<(Self, Header), Refusal> {
        Self::begin_as(MAGIC, input)
    }

    pub(crate) fn begin_as<T: for<'b> Decode<'b, ()>>(magic: &[u8; 16], input: R) -> Result<(Self, T), Refusal> {
        let mut reader = Self { input, digest: Sha256::new() };
        let mut found = [0; MAGIC.len()];
        let is_ours = reader.read(&mut found).is_ok() && found == *magic;
        if !is_ours {
            return Err(Refusal::new(Cause::Malformed, "this is no file of exported saves"));
        }
        let header = reader.block()?.ok_or_else(|| damaged("it has no header"))?;
        Ok((reader, wire::decode(&header, "header of the exported saves")?))
    }

    /// The next saves; `None` at the end, where everything was as it was written.
    ///
    /// # Errors
    /// [`Cause::Damaged`] where the file is cut off or changed; [`Cause::Malformed`] or [`Cause::TooLarge`] where it holds
    /// what it should not.
    pub fn next_units(&mut self) -> Result<Option<(Scope, Vec<Unit>)>, Refusal> {
        let Some(block) = self.next_row::<Block>()? else { return Ok(None) };
        Ok(Some((block.scope, wire::decode_batch(&block.units, "exported saves")?)))
    }

    pub(crate) fn next_row<T: for<'b> Decode<'b, ()>>(&mut self) -> Result<Option<T>, Refusal> {
        let Some(block) = self.block()? else {
            let expected = self.digest.clone().finalize();
            let mut found = [0; DIGEST_BYTES];
            self.input.read_exact(&mut found).map_err(|error| unreadable(&error))?;
            if found != expected[..] {
                return Err(damaged("its checksum does not match"));
            }
            let mut behind = Vec::new();
            self.input.by_ref().take(1).read_to_end(&mut behind).map_err(|error| unreadable(&error))?;
            return if behind.is_empty() { Ok(None) } else { Err(damaged("something follows its end")) };
        };
        wire::decode(&block, "exported saves").map(Some)
    }

    /// `None` for the empty block that ends the file.
    fn block(&mut self) -> Result<Option<Vec<u8>>, Refusal> {
        let mut length = [0; 4];
        self.read(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > FRAME_BYTES_MAX {
            let detail = format!("the file has a block of {length} bytes, and at most {FRAME_BYTES_MAX} are allowed");
            return Err(Refusal::new(Cause::TooLarge, detail));
        }
        let mut block = vec![0; length];
        self.read(&mut block)?;
        Ok((length > 0).then_some(block))
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Refusal> {
        self.input.read_exact(bytes).map_err(|error| unreadable(&error))?;
        self.digest.update(bytes);
        Ok(())
    }
}

fn unreadable(error: &io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged("it is cut off"),
        _ => damaged(error),
    }
}

fn damaged(what: impl std::fmt::Display) -> Refusal {
    Refusal::new(Cause::Damaged, format!("the file of exported saves is damaged: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use regard_core::id::{DocumentId, UnitId};
    use regard_core::wire::UnitChange;

    fn unit(number: u8) -> Unit {
        let changes = vec![UnitChange { document: DocumentId::from_bytes([number; 16]), bytes: vec![number; 100] }];
        let (id, author) = (UnitId::from_bytes([number; 16]), Some(DeviceId::from_bytes([3; 16])));
        Unit { id, author, saved_at: Timestamp(7), changes, signature: None }
    }

    fn header() -> Header {
        let (workspace, device) = (WorkspaceId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
        Header { workspace, device, written_at: Timestamp(9) }
    }

    fn written() -> Vec<u8> {
        let mut writer = Writer::begin(Vec::new(), &header()).expect("memory");
        writer.units(Scope::Records, &vec![unit(1), unit(2)]).expect("memory");
        writer.units(Scope::AddressBook, &vec![unit(3)]).expect("memory");
        writer.end().expect("memory")
    }

    type Whole = (Header, Vec<(Scope, Vec<Unit>)>);

    fn read(bytes: &[u8]) -> Result<Whole, Refusal> {
        let (mut reader, header) = Reader::begin(bytes)?;
        let mut blocks = Vec::new();
        while let Some(block) = reader.next_units()? {
            blocks.push(block);
        }
        Ok((header, blocks))
    }

    #[test]
    fn a_file_reads_back() {
        let expected = vec![(Scope::Records, vec![unit(1), unit(2)]), (Scope::AddressBook, vec![unit(3)])];
        assert_eq!(read(&written()), Ok((header(), expected)));
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_noticed() {
        let whole = written();
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{length} bytes");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(read(&changed).is_err(), "byte {at}");
        }
        let longer = [whole, vec![0]].concat();
        assert!(read(&longer).is_err_and(|refusal| refusal.detail.ends_with("something follows its end")));
        let foreign = read(b"From: ana@x.example\r\n\r\nHello").map_err(|refusal| refusal.detail);
        assert_eq!(foreign, Err("this is no file of exported saves".into()));
    }
}
