//! Rows that are found in the bytes of a file, wherever they lie and whether or not the database finds its way to them.
//!
//! A leaf of redb's trees begins with a page, says how many pairs it has and where keys and values end. Sealed rows prove with their
//! checksum which table they are of, and Automerge's chunks carry one too, so that nothing has to be believed of what leads there. A
//! page that is free again holds older rows: they count only where the database cannot be asked.

use std::collections::BTreeMap;
use std::ops::Range;

use redb::Key;

use super::super::rows::Rows;
use super::super::tables as t;

const PAGE: usize = 4096;
const LEAF: u8 = 1;
const HEADER: usize = 4;
const CHUNK_MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
/// Where a chunk says what it is: behind magic and checksum.
const CHUNK_TYPE: usize = 8;
const DOCUMENT_CHUNK: u8 = 0;

/// A sealed row is smaller: a save may have some thousand changes of 50 bytes. What is no leaf can claim any size.
const SEALED_BYTES_MAX: usize = 4 << 20;
const SETTING_KEY_BYTES_MAX: usize = 256;

/// Where values lie in the file.
type Spans<K> = BTreeMap<K, Vec<Range<usize>>>;

/// What was found, by table and key.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pub(super) settings: Spans<String>,
    pub(super) documents: Spans<u64>,
    pub(super) snapshots: Spans<u64>,
    pub(super) changes: Spans<(u64, u32)>,
    pub(super) outbox: Spans<(u8, u64)>,
    pub(super) saves: Spans<u64>,
}

impl Pieces {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut found = Self::default();
        for start in (0..bytes.len()).step_by(PAGE) {
            let Some([LEAF, _, low, high]) = bytes.get(start..start + HEADER) else { continue };
            let page = Leaf { bytes, start, pairs: usize::from(u16::from_le_bytes([*low, *high])) };
            page.each(Some(8), |key, value| found.by_number(bytes, key, value));
            page.each(Some(12), |key, value| found.change(bytes, key, value));
            page.each(Some(9), |key, value| found.outbox(bytes, key, value));
            page.each(None, |key, value| found.setting(bytes, key, value));
        }
        found
    }

    fn by_number(&mut self, bytes: &[u8], key: &[u8], value: Range<usize>) {
        let Ok(key) = key.try_into().map(u64::from_le_bytes) else { return };
        let stored = &bytes[value.clone()];
        if is_chunk(stored, |kind| kind == DOCUMENT_CHUNK) {
            note(&mut self.snapshots, key, value);
        } else if is_whole(&t::DOCUMENTS, key, stored) {
            note(&mut self.documents, key, value);
        } else if is_whole(&t::SAVES, key, stored) {
            note(&mut self.saves, key, value);
        }
    }

    fn change(&mut self, bytes: &[u8], key: &[u8], value: Range<usize>) {
        let Some((row, number)) = key.split_first_chunk() else { return };
        let Ok(number) = number.try_into().map(u32::from_le_bytes) else { return };
        if is_chunk(&bytes[value.clone()], |kind| kind != DOCUMENT_CHUNK) {
            note(&mut self.changes, (u64::from_le_bytes(*row), number), value);
        }
    }

    fn outbox(&mut self, bytes: &[u8], key: &[u8], value: Range<usize>) {
        let Some(([scope], place)) = key.split_first_chunk() else { return };
        let Ok(place) = place.try_into().map(u64::from_le_bytes) else { return };
        let key = (*scope, place);
        if is_whole(&t::OUTBOX, key, &bytes[value.clone()]) {
            note(&mut self.outbox, key, value);
        }
    }

    fn setting(&mut self, bytes: &[u8], key: &[u8], value: Range<usize>) {
        if key.len() > SETTING_KEY_BYTES_MAX || value.len() > SEALED_BYTES_MAX {
            return;
        }
        let Ok(key) = std::str::from_utf8(key) else { return };
        if t::SETTINGS.value(&key, &bytes[value.clone()]).is_ok() {
            note(&mut self.settings, key.to_owned(), value);
        }
    }
}

fn note<K: Ord>(spans: &mut Spans<K>, key: K, value: Range<usize>) {
    spans.entry(key).or_default().push(value);
}

fn is_whole<K: Key + for<'k> Key<SelfType<'k> = K> + 'static>(rows: &Rows<K>, key: K, stored: &[u8]) -> bool {
    stored.len() <= SEALED_BYTES_MAX && rows.value(&key, stored).is_ok()
}

fn is_chunk(stored: &[u8], is_wanted: impl Fn(u8) -> bool) -> bool {
    stored.starts_with(&CHUNK_MAGIC) && stored.get(CHUNK_TYPE).is_some_and(|kind| is_wanted(*kind))
}

struct Leaf<'b> {
    bytes: &'b [u8],
    start: usize,
    pairs: usize,
}

impl<'b> Leaf<'b> {
    /// Hands out the pairs as a table with keys of this width, or of any, would have them.
    fn each(&self, key_width: Option<usize>, mut each: impl FnMut(&'b [u8], Range<usize>)) {
        let columns = if key_width.is_some() { 1 } else { 2 };
        let keys_start = HEADER + 4 * columns * self.pairs;
        let key_end = |pair: usize| match key_width {
            Some(width) => Some(keys_start + width * (pair + 1)),
            None => self.offset(HEADER + 4 * pair),
        };
        let value_end = |pair: usize| self.offset(HEADER + 4 * ((columns - 1) * self.pairs + pair));
        let Some(values_start) = self.pairs.checked_sub(1).and_then(key_end) else { return };
        let (mut key_start, mut value_start) = (Some(keys_start), Some(values_start));
        for pair in 0..self.pairs {
            let (until_key, until_value) = (key_end(pair), value_end(pair));
            let key = self.range(key_start, until_key);
            if let (Some(key), Some(value)) = (key, self.range(value_start, until_value)) {
                each(&self.bytes[key], value);
            }
            (key_start, value_start) = (until_key, until_value);
        }
    }

    fn offset(&self, at: usize) -> Option<usize> {
        let at = self.start.checked_add(at)?;
        let bytes = self.bytes.get(at..at.checked_add(4)?)?;
        usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
    }

    fn range(&self, from: Option<usize>, until: Option<usize>) -> Option<Range<usize>> {
        let (from, until) = (self.start.checked_add(from?)?, self.start.checked_add(until?)?);
        (from <= until && until <= self.bytes.len()).then_some(from..until)
    }
}
