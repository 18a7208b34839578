//! Changing an input at random so that it stays near what passes the first checks: lengths, checksums and compression are put
//! right again more often than not.

mod bytes;
mod cbor;
mod chunk;
mod text;

use crate::harness::Seed;

/// What an input is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Anything.
    Bytes,
    /// Lines.
    Text,
    /// CBOR, in which byte strings may be Automerge changes or compressed batches.
    Cbor,
    /// The same, compressed with zstd as a batch is.
    Packed,
}

/// Bytes of an input: enough for every form with some hundred parts, and little enough that thousands are run in a second.
pub const INPUT_BYTES_MAX: usize = 64 << 10;

/// Bytes that a compressed input may have while it is changed.
const UNPACKED_BYTES_MAX: usize = 1 << 20;
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A change of `entry`, with pieces of `other` and of `words`.
#[must_use]
pub fn mutate(form: Form, words: &[&[u8]], entry: &[u8], other: &[u8], random: &mut Seed) -> Vec<u8> {
    let mut mutator = Mutator { words, other, random };
    let mut bytes = entry.to_vec();
    for _ in 0..1 << mutator.random.below(4) {
        bytes = mutator.once(form, bytes);
        bytes.truncate(INPUT_BYTES_MAX);
    }
    bytes
}

struct Mutator<'a> {
    words: &'a [&'a [u8]],
    other: &'a [u8],
    random: &'a mut Seed,
}

impl Mutator<'_> {
    fn once(&mut self, form: Form, bytes: Vec<u8>) -> Vec<u8> {
        match form {
            Form::Bytes => self.bytes(bytes),
            Form::Text if self.one_in(4) => self.bytes(bytes),
            Form::Text => self.text(bytes),
            Form::Cbor | Form::Packed if self.one_in(8) => self.bytes(bytes),
            Form::Cbor => self.cbor(bytes),
            Form::Packed => self.packed(bytes),
        }
    }

    /// A change of bytes that stand somewhere inside, by what they are.
    fn content(&mut self, content: Vec<u8>) -> Vec<u8> {
        if chunk::is_chunk(&content) && !self.one_in(8) {
            return self.chunk(&content);
        }
        if content.starts_with(&ZSTD_MAGIC) && !self.one_in(8) {
            return self.packed(content);
        }
        self.bytes(content)
    }

    fn packed(&mut self, packed: Vec<u8>) -> Vec<u8> {
        let unpack = |bytes: &[u8]| zstd::bulk::decompress(bytes, UNPACKED_BYTES_MAX).ok();
        let Some(plain) = unpack(&packed) else { return self.bytes(packed) };
        let other = unpack(self.other).unwrap_or_default();
        let mut inner = Mutator { words: self.words, other: &other, random: self.random };
        regard_core::wire::compress(&inner.cbor(plain))
    }

    fn one_in(&mut self, several: usize) -> bool {
        self.random.below(several) == 0
    }

    /// A place in or right behind `bytes`.
    fn place(&mut self, bytes: &[u8]) -> usize {
        self.random.below(bytes.len() + 1)
    }

    /// A piece of `bytes`, mostly a short one.
    fn piece(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let start = self.place(bytes);
        let longest = if self.one_in(4) { bytes.len() } else { 16 };
        let length = self.random.below(longest.max(1) + 1);
        start..(start + length).min(bytes.len())
    }

    fn word(&mut self) -> Vec<u8> {
        if self.words.is_empty() { Vec::new() } else { self.random.one_of(self.words).to_vec() }
    }

    /// Numbers at which something turns over.
    fn number(&mut self) -> u64 {
        let near = [0, 1, 2, 7, 23, 24, 63, 64, 127, 128, 255, 256, 1000, 1024, 4096, 65535, 65536, 1 << 20];
        let far = [1 << 24, 1 << 30, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40, 1 << 63, u64::MAX, u64::MAX >> 1];
        let number = if self.one_in(2) { *self.random.one_of(&near) } else { *self.random.one_of(&far) };
        match self.random.below(4) {
            0 => number.wrapping_add(1),
            1 => number.wrapping_sub(1),
            _ => number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else nothing behind the first check would ever be tried.
    #[test]
    fn changed_inputs_still_pass_the_first_checks_often() {
        let mut random = Seed::new(1);
        let list: Vec<u64> = (0..50).collect();
        let (plain, packed) = (regard_core::wire::encode(&list), regard_core::wire::encode_batch(&list));
        let mut read = (0, 0);
        for _ in 0..1_000 {
            let changed = mutate(Form::Cbor, &[], &plain, &plain, &mut random);
            read.0 += usize::from(changed != plain && regard_core::wire::decode::<Vec<u64>>(&changed, "list").is_ok());
            let changed = mutate(Form::Packed, &[], &packed, &packed, &mut random);
            read.1 += usize::from(regard_core::wire::decode_batch::<Vec<u64>>(&changed, "list").is_ok());
        }
        assert!(read.0 > 200 && read.1 > 200, "{read:?}");
    }

    #[test]
    fn a_changed_change_still_passes_the_checksum_often() {
        let mut random = Seed::new(1);
        let change = regard_core::record::genesis::bytes(regard_core::record::Kind::Task).to_vec();
        let input = regard_core::wire::encode(&vec![minicbor::bytes::ByteVec::from(change.clone())]);
        // What is refused before the checksum was compared, or by it.
        let envelope = [
            "no Automerge chunk",
            "chunk type",
            "before its checksum",
            "before its end",
            "the length",
            "follows the change",
            "checksum does not match",
            "does not inflate",
        ];
        let (mut changed_chunks, mut whole) = (0, 0);
        for _ in 0..1_000 {
            let changed = mutate(Form::Cbor, &[], &input, &input, &mut random);
            let Ok(chunks) = regard_core::wire::decode::<Vec<minicbor::bytes::ByteVec>>(&changed, "list") else {
                continue;
            };
            for chunk in chunks.iter().filter(|chunk| ***chunk != change) {
                changed_chunks += 1;
                let refused = regard_core::gate::check(chunk).err();
                whole += usize::from(
                    !refused.is_some_and(|refusal| envelope.iter().any(|what| refusal.detail.contains(what))),
                );
            }
        }
        assert!(changed_chunks > 100 && whole * 4 > changed_chunks, "{whole} of {changed_chunks} pass");
    }
}
