//! Which certificate a relay must show.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use sha2::Digest;

use crate::id::{BadId, fixed_bytes, parse_hex, to_hex};

/// The SHA-256 of a certificate as it travels (DER): whoever knows it recognizes the certificate, whatever it says of
/// itself. It is no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; Fingerprint::BYTES]);

impl Fingerprint {
    /// Length of a fingerprint.
    pub const BYTES: usize = 32;

    /// The fingerprint of a certificate, given in DER.
    #[must_use]
    pub fn of_certificate(der: &[u8]) -> Self {
        Self(sha2::Sha256::digest(der).into())
    }

    /// The fingerprint with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Its first 16 digits in groups of four, for people who compare: enough that nobody makes another certificate that
    /// begins alike.
    #[must_use]
    pub fn short(&self) -> String {
        self.0[..8].chunks(2).map(to_hex).collect::<Vec<_>>().join(" ")
    }
}

/// All 64 hexadecimal digits.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({})", self.short())
    }
}

impl FromStr for Fingerprint {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bytes = parse_hex(text).and_then(|bytes| bytes.try_into().ok());
        let bad = || BadId {
            text: text.chars().take(80).collect(),
            expected: "a certificate's fingerprint of 64 hexadecimal digits",
        };
        bytes.map(Self).ok_or_else(bad)
    }
}

impl<C> Encode<C> for Fingerprint {
    fn encode<W: encode::Write>(&self, encoder: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        encoder.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Fingerprint {
    fn decode(decoder: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        fixed_bytes(decoder).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_reads_back_and_people_see_its_beginning() {
        let fingerprint = Fingerprint::of_certificate(b"abc");
        let digits = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(fingerprint.to_string(), digits);
        assert_eq!(digits.parse(), Ok(fingerprint));
        assert_eq!(fingerprint.short(), "ba78 16bf 8f01 cfea");
        for broken in ["", "ba78", &digits[1..], "xa7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"] {
            assert!(broken.parse::<Fingerprint>().is_err(), "{broken}");
        }
    }
}
