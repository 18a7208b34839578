use std::cell::RefCell;

use minicbor::{Decode, Encode};
use zstd::bulk::Compressor;

use crate::error::{Cause, Refusal};
use crate::limits::BATCH_BYTES_MAX;

/// How hard zstd works: level 1 takes a third off at 400 MB/s; higher levels gain little on small changes.
const LEVEL: i32 = 1;

thread_local! {
    /// Making a context takes longer than compressing one change with it.
    static COMPRESSOR: RefCell<Compressor<'static>> = RefCell::new(new_compressor());
}

/// Encodes a value as CBOR.
#[must_use]
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    match minicbor::encode(value, &mut bytes) {
        Ok(()) => bytes,
        // A vector takes everything, and no type of the protocol refuses to be encoded.
        Err(never) => unreachable!("encoding into memory: {never}"),
    }
}

/// Decodes a value from CBOR.
///
/// # Errors
/// [`Cause::Malformed`], naming `what` was expected.
pub fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8], what: &str) -> Result<T, Refusal> {
    minicbor::decode(bytes)
        .map_err(|error| Refusal::new(Cause::Malformed, format!("the {what} cannot be read: {error}")))
}

/// Compresses bytes with a checksum.
#[must_use]
pub fn compress(bytes: &[u8]) -> Vec<u8> {
    match COMPRESSOR.with_borrow_mut(|compressor| compressor.compress(bytes)) {
        Ok(compressed) => compressed,
        // zstd fails only for want of memory or of room, and it is given all the room it asks for.
        Err(never) => unreachable!("compressing in memory: {never}"),
    }
}

fn new_compressor() -> Compressor<'static> {
    let made = Compressor::new(LEVEL).and_then(|mut compressor| {
        compressor.set_parameter(zstd::zstd_safe::CParameter::ChecksumFlag(true))?;
        Ok(compressor)
    });
    match made {
        Ok(compressor) => compressor,
        Err(never) => unreachable!("zstd has this level and this parameter: {never}"),
    }
}

/// Encodes and compresses.
#[must_use]
pub fn encode_batch<T: Encode<()>>(value: &T) -> Vec<u8> {
    compress(&encode(value))
}

/// Decompresses, within [`BATCH_BYTES_MAX`], and decodes.
///
/// # Errors
/// [`Cause::Malformed`] or [`Cause::TooLarge`], naming `what` was expected.
pub fn decode_batch<T: for<'b> Decode<'b, ()>>(bytes: &[u8], what: &str) -> Result<T, Refusal> {
    let claimed = zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten();
    let Some(claimed) = claimed else {
        return Err(Refusal::new(Cause::Malformed, format!("the {what} is not compressed as it should be")));
    };
    let size = usize::try_from(claimed).ok().filter(|size| *size <= BATCH_BYTES_MAX).ok_or_else(|| {
        Refusal::new(
            Cause::TooLarge,
            format!("the {what} has {claimed} bytes, and at most {BATCH_BYTES_MAX} are allowed"),
        )
    })?;
    let plain = zstd::bulk::decompress(bytes, size)
        .map_err(|error| Refusal::new(Cause::Damaged, format!("the {what} does not decompress: {error}")))?;
    decode(&plain, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_batch_is_noticed_or_means_the_same() {
        let value: Vec<u64> = (0..1000).collect();
        let batch = encode_batch(&value);
        for at in 0..batch.len() {
            let mut changed = batch.clone();
            changed[at] ^= 1;
            let read = decode_batch::<Vec<u64>>(&changed, "list");
            assert!(read.is_err() || read == Ok(value.clone()), "byte {at}");
        }
    }

    #[test]
    fn a_batch_reads_back_and_a_bomb_is_refused_before_it_is_unpacked() {
        let value = vec![7u64; 1000];
        assert_eq!(decode_batch::<Vec<u64>>(&encode_batch(&value), "list"), Ok(value));
        let bomb = compress(&vec![0; BATCH_BYTES_MAX + 1]);
        let refused = decode_batch::<Vec<u64>>(&bomb, "list").map_err(|refusal| refusal.cause);
        assert_eq!(refused, Err(Cause::TooLarge));
        assert!(decode_batch::<Vec<u64>>(&[], "list").is_err());
        assert!(decode_batch::<Vec<u64>>(b"\x28\xb5\x2f\xfd\x00", "list").is_err());
    }
}
