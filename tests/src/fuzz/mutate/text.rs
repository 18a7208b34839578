use super::Mutator;

impl Mutator<'_> {
    /// One change of lines.
    pub(super) fn text(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        if lines.is_empty() {
            return self.word();
        }
        let (at, to) = (self.random.below(lines.len()), self.random.below(lines.len()));
        match self.random.below(10) {
            0 => drop(lines.remove(at)),
            1 => {
                let line = lines[at].clone();
                lines.insert(to, line);
            }
            2 => lines.swap(at, to),
            3 => {
                let (from, until) = (at.min(to), at.max(to));
                let repeated = lines[from..=until].to_vec();
                lines.splice(until..until, repeated);
            }
            4 => {
                let others: Vec<&[u8]> = self.other.split_inclusive(|byte| *byte == b'\n').collect();
                if !others.is_empty() {
                    lines.insert(at, self.random.one_of(&others).to_vec());
                }
            }
            5 | 6 => {
                let word = self.word();
                let within = self.place(&lines[at]);
                lines[at].splice(within..within, word);
            }
            7 => {
                let mut word = self.word();
                word.extend_from_slice(b"\n");
                lines.insert(at, word);
            }
            8 => {
                let piece = self.piece(&lines[at]);
                let times = 1 << self.random.below(11);
                let repeated = lines[at][piece.clone()].repeat(times);
                lines[at].splice(piece, repeated);
            }
            _ => {
                let number = self.number().to_string();
                let line = &lines[at];
                let digits = line.iter().position(u8::is_ascii_digit).unwrap_or(line.len());
                let end = line[digits..].iter().take_while(|byte| byte.is_ascii_digit()).count() + digits;
                lines[at].splice(digits..end, number.into_bytes());
            }
        }
        lines.concat()
    }
}
