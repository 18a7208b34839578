use super::Mutator;

impl Mutator<'_> {
    /// One change of bytes that mean nothing in particular.
    pub(super) fn bytes(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let at = self.place(&bytes);
        let piece = self.piece(&bytes);
        match self.random.below(12) {
            0 | 1 if at < bytes.len() => bytes[at] ^= 1 << self.random.below(8),
            2 | 3 if at < bytes.len() => bytes[at] = self.byte(),
            4 if at < bytes.len() => bytes[at] = bytes[at].wrapping_add(if self.one_in(2) { 1 } else { 255 }),
            5 => drop(bytes.drain(piece)),
            6 => {
                let doubled = bytes[piece.clone()].to_vec();
                bytes.splice(piece.end..piece.end, doubled);
            }
            7 => bytes.truncate(at),
            8 => {
                let number = self.written_number();
                let replaced = if self.one_in(2) { (at + number.len()).min(bytes.len()) } else { at };
                bytes.splice(at..replaced, number);
            }
            9 => {
                let word = self.word();
                bytes.splice(at..at, word);
            }
            10 => {
                let from = self.piece(self.other);
                bytes.splice(piece, self.other[from].to_vec());
            }
            _ => {
                let moved: Vec<u8> = bytes.drain(piece).collect();
                let to = self.place(&bytes);
                bytes.splice(to..to, moved);
            }
        }
        bytes
    }

    pub(super) fn byte(&mut self) -> u8 {
        u8::try_from(self.random.below(256)).unwrap_or_default()
    }

    /// A number as one of the formats here writes it: LEB128, or big-endian in 1, 2, 4 or 8 bytes.
    fn written_number(&mut self) -> Vec<u8> {
        let number = self.number();
        if self.one_in(2) {
            return leb128(number);
        }
        let bytes = number.to_be_bytes();
        bytes[8 - (1 << self.random.below(4))..].to_vec()
    }
}

/// A number as Automerge writes it.
pub(super) fn leb128(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] & 0x7f | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
    bytes
}
