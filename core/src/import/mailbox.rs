//! An mbox file, message by message.

use std::io::{self, BufRead, Read};

use crate::limits::IMPORT_ITEM_BYTES_MAX;

/// Splits an mbox file into its messages, without their `From ` lines and with the `>` taken off that protects such lines in
/// bodies.
///
/// A message of more than [`IMPORT_ITEM_BYTES_MAX`] is an error of kind [`io::ErrorKind::FileTooLarge`], after which the next
/// message follows. Any other error is the reader's and ends the file.
pub fn messages(reader: impl BufRead) -> impl Iterator<Item = io::Result<Vec<u8>>> {
    Messages { reader, message: None, bytes: 0, blank: 0, mid_line: false, ended: false }
}

struct Messages<R> {
    reader: R,
    /// The message that is being read, none before the first.
    message: Option<Vec<u8>>,
    /// How long it is, also where it is too long to be kept.
    bytes: usize,
    /// The length of the empty line that was read last: it belongs to the separator where one follows.
    blank: usize,
    /// Whether what is read next continues a line too long to be read at once.
    mid_line: bool,
    ended: bool,
}

/// How much of a line is read at once.
const LINE_CHUNK_BYTES: u64 = 1 << 20;

impl<R: BufRead> Iterator for Messages<R> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        while !self.ended {
            line.clear();
            let continues = self.mid_line;
            match self.reader.by_ref().take(LINE_CHUNK_BYTES).read_until(b'\n', &mut line) {
                Ok(0) => {
                    self.ended = true;
                    return self.finish();
                }
                Ok(_) => self.mid_line = !line.ends_with(b"\n"),
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
            if !continues && self.is_separator(&line) {
                let finished = self.finish();
                self.message = Some(Vec::new());
                if finished.is_some() {
                    return finished;
                }
                continue;
            }
            self.add(&line, continues);
        }
        None
    }
}

impl<R> Messages<R> {
    /// Whether a line begins a message. Bodies have lines that begin with `From ` and were not protected, so inside a file
    /// only one with a sender and a date as `asctime` writes it counts.
    fn is_separator(&self, line: &[u8]) -> bool {
        let Some(rest) = line.strip_prefix(b"From ") else { return false };
        if self.message.is_none() {
            return true;
        }
        let rest = String::from_utf8_lossy(rest);
        let words: Vec<&str> = rest.split_ascii_whitespace().skip(1).collect();
        let is_time = |word: &str| {
            let parts: Vec<&str> = word.split(':').collect();
            (2..=3).contains(&parts.len()) && parts.iter().all(|part| part.len() <= 2 && is_number(part))
        };
        let is_year = |word: &str| word.len() == 4 && is_number(word);
        words.iter().any(|word| DAYS.contains(word))
            && words.iter().any(|word| MONTHS.contains(word))
            && words.iter().any(|word| is_time(word))
            && words.iter().any(|word| is_year(word))
    }

    fn add(&mut self, line: &[u8], continues: bool) {
        // What stands before the first separator belongs to no message, unless there is none: then the file is one message.
        if self.message.is_none() && line.trim_ascii().is_empty() {
            return;
        }
        let message = self.message.get_or_insert_default();
        let quoted = line.iter().take_while(|byte| **byte == b'>').count();
        let line = if quoted > 0 && line[quoted..].starts_with(b"From ") { &line[1..] } else { line };
        self.bytes = self.bytes.saturating_add(line.len());
        self.blank = if !continues && matches!(line, b"\n" | b"\r\n") { line.len() } else { 0 };
        if self.bytes <= IMPORT_ITEM_BYTES_MAX {
            message.extend_from_slice(line);
        } else {
            *message = Vec::new();
        }
    }

    fn finish(&mut self) -> Option<io::Result<Vec<u8>>> {
        let mut message = self.message.take()?;
        let bytes = std::mem::take(&mut self.bytes);
        let blank = std::mem::take(&mut self.blank);
        if bytes > IMPORT_ITEM_BYTES_MAX {
            let said = format!("a message of {bytes} bytes is larger than {IMPORT_ITEM_BYTES_MAX} bytes");
            return Some(Err(io::Error::new(io::ErrorKind::FileTooLarge, said)));
        }
        message.truncate(message.len() - blank);
        Some(Ok(message))
    }
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &[u8], expected: &[&str]) {
        let found: Vec<String> = messages(file)
            .map(|message| match message {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(error) => format!("{}", error.kind()),
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_mailbox_is_split_at_separators_only() {
        check(b"", &[]);
        check(b"\n\n", &[]);
        check(b"From a\nS: 1\n\nx\n\nFrom b@c Sat Jan  3 01:05:34 1996\nS: 2\n", &["S: 1\n\nx\n", "S: 2\n"]);
        check(b"From a\r\nS: 1\r\n\r\nFrom here on\r\n", &["S: 1\r\n\r\nFrom here on\r\n"]);
        check(b"From a\nS: 1\n\n>From x\n>>From y\n> From z", &["S: 1\n\nFrom x\n>From y\n> From z"]);
        check(b"S: no separator\n\nx\n", &["S: no separator\n\nx\n"]);
        check(b"From - Sat Jan  3 01:05:34 1996\nFrom - Sat Jan 13 1:05 2026 +0100\nS: 2\n", &["", "S: 2\n"]);
    }

    #[test]
    fn a_message_beyond_the_bound_is_said_and_the_next_one_is_read() {
        let huge = vec![b'x'; IMPORT_ITEM_BYTES_MAX + 1];
        let separator = b"\nFrom b@c Sat Jan  3 01:05:34 1996\n";
        let file = [b"From a\n".as_slice(), &huge, separator, b"S: 2\n"].concat();
        check(&file, &["file too large", "S: 2\n"]);
    }

    #[test]
    fn an_error_of_the_reader_ends_the_file() {
        struct Broken;
        impl io::Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::PermissionDenied.into())
            }
        }
        assert_eq!(messages(io::BufReader::new(Broken)).filter(Result::is_err).count(), 1);
    }
}
