use crate::error::{Cause, Refusal};

/// Reads the primitives of Automerge's binary format from a slice, refusing instead of panicking.
pub(super) struct Bytes<'a> {
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take(&mut self, length: usize, what: &str) -> Result<&'a [u8], Refusal> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(|| truncated(what))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], Refusal> {
        self.take(N, what)?.try_into().map_err(|_| truncated(what))
    }

    /// An unsigned LEB128 number.
    pub(super) fn unsigned(&mut self, what: &str) -> Result<u64, Refusal> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array::<1>(what)?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                // Automerge refuses numbers that are written longer than they must be.
                return if byte == 0 && shift > 0 { Err(no_number(what)) } else { Ok(value) };
            }
        }
        Err(no_number(what))
    }

    /// A signed LEB128 number.
    pub(super) fn signed(&mut self, what: &str) -> Result<i64, Refusal> {
        let mut value = 0i64;
        let mut before = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array::<1>(what)?;
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                // A last byte that only repeats the sign is one too many; the tenth has room for nothing but the sign.
                let repeats = shift > 0 && ((byte == 0 && before & 0x40 == 0) || (byte == 0x7f && before & 0x40 != 0));
                if repeats || (shift == 63 && byte != 0 && byte != 0x7f) {
                    break;
                }
                let used = shift + 7;
                return Ok(if used < 64 && byte & 0x40 != 0 { value | (-1 << used) } else { value });
            }
            before = byte;
        }
        Err(no_number(what))
    }

    /// A count or length that may be at most `bound`.
    pub(super) fn bounded(&mut self, bound: usize, what: &str) -> Result<usize, Refusal> {
        let found = self.unsigned(what)?;
        usize::try_from(found).ok().filter(|length| *length <= bound).ok_or_else(|| {
            Refusal::new(Cause::TooLarge, format!("the {what} is {found}, and at most {bound} is allowed"))
        })
    }
}

fn no_number(what: &str) -> Refusal {
    Refusal::new(Cause::Malformed, format!("the {what} is no number of 64 bits in its shortest form"))
}

fn truncated(what: &str) -> Refusal {
    Refusal::new(Cause::Malformed, format!("the change ends before its {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_numbers_read_as_leb128_has_them() {
        for (bytes, expected) in [
            (&[0x02][..], 2),
            (&[0x7e][..], -2),
            (&[0xff, 0x00][..], 127),
            (&[0x81, 0x7f][..], -127),
            (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f][..], i64::MIN),
        ] {
            assert_eq!(Bytes::new(bytes).signed("number"), Ok(expected), "{bytes:?}");
        }
        assert!(Bytes::new(&[0xff; 11]).signed("number").is_err());
    }

    #[test]
    fn unsigned_numbers_beyond_64_bits_are_refused() {
        assert_eq!(
            Bytes::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]).unsigned("n"),
            Ok(u64::MAX)
        );
        assert!(Bytes::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]).unsigned("n").is_err());
        assert!(Bytes::new(&[0x80]).unsigned("n").is_err());
    }

    /// Automerge refuses them, so the relay, which opens no document, would log what no device can apply.
    #[test]
    fn numbers_that_are_longer_than_they_must_be_are_refused() {
        for bytes in [&[0x80, 0x00][..], &[0x81, 0x80, 0x00]] {
            assert!(Bytes::new(bytes).unsigned("number").is_err(), "{bytes:?}");
        }
        let too_wide = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        for bytes in [&[0x80, 0x00][..], &[0xff, 0x7f], &[0x81, 0x00], &too_wide] {
            assert!(Bytes::new(bytes).signed("number").is_err(), "{bytes:?}");
        }
    }
}
