//! CBOR (RFC 8949) as a list of items that know what they are in, so that one can be taken out, doubled or put in elsewhere while the
//! counts around it stay right.

use super::Mutator;

/// Items nested deeper are left alone.
const DEPTH_MAX: usize = 24;
/// Items beyond this number are left alone.
const ITEMS_MAX: usize = 4_096;

#[derive(Debug, Clone)]
struct Item {
    start: usize,
    /// Where its head ends, and its content begins.
    content: usize,
    end: usize,
    major: u8,
    argument: u64,
    within: Option<usize>,
}

const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const SIMPLE: u8 = 7;

impl Mutator<'_> {
    pub(super) fn cbor(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        let items = items(&bytes);
        if items.is_empty() {
            return self.bytes(bytes);
        }
        let item = self.random.one_of(&items).clone();
        match self.random.below(8) {
            0 => {
                let number = self.number();
                replaced(&bytes, item.start..item.content, &head(item.major, number))
            }
            1 => self.elsewhere(&bytes, &items, &item),
            2 | 3 if is_in_array(&items, &item) => {
                let by = if self.one_in(2) { Counted::Out } else { Counted::Twice };
                recounted(&bytes, &items, &item, by, self.one_in(8))
            }
            _ => self.changed_content(bytes, &item),
        }
    }

    /// Another item in the place of this one, from here or from the other input.
    fn elsewhere(&mut self, bytes: &[u8], items: &[Item], item: &Item) -> Vec<u8> {
        let others = self::items(self.other);
        let taken = if others.is_empty() || self.one_in(2) {
            let from = self.random.one_of(items);
            &bytes[from.start..from.end]
        } else {
            let from = self.random.one_of(&others);
            &self.other[from.start..from.end]
        };
        replaced(bytes, item.start..item.end, taken)
    }

    fn changed_content(&mut self, bytes: Vec<u8>, item: &Item) -> Vec<u8> {
        match item.major {
            BYTES | TEXT => {
                let content = self.content(bytes[item.content..item.end].to_vec());
                let written = [head(item.major, content.len() as u64), content].concat();
                replaced(&bytes, item.start..item.end, &written)
            }
            ARRAY | MAP | SIMPLE => self.bytes(bytes),
            _ => {
                let near = item.argument.wrapping_add(if self.one_in(2) { 1 } else { u64::MAX });
                let number = if self.one_in(2) { self.number() } else { near };
                replaced(&bytes, item.start..item.content, &head(item.major, number))
            }
        }
    }
}

fn is_in_array(items: &[Item], item: &Item) -> bool {
    item.within.is_some_and(|within| items[within].major == ARRAY)
}

#[derive(Clone, Copy)]
enum Counted {
    Out,
    Twice,
}

/// The item taken out of its array, or doubled there.
fn recounted(bytes: &[u8], items: &[Item], item: &Item, by: Counted, is_miscounted: bool) -> Vec<u8> {
    let written = match by {
        Counted::Out => Vec::new(),
        Counted::Twice => bytes[item.start..item.end].repeat(2),
    };
    let changed = replaced(bytes, item.start..item.end, &written);
    let Some(array) = item.within.map(|within| &items[within]).filter(|_| !is_miscounted) else { return changed };
    let count = match by {
        Counted::Out => array.argument.saturating_sub(1),
        Counted::Twice => array.argument.saturating_add(1),
    };
    replaced(&changed, array.start..array.content, &head(ARRAY, count))
}

fn replaced(bytes: &[u8], range: std::ops::Range<usize>, by: &[u8]) -> Vec<u8> {
    [&bytes[..range.start], by, &bytes[range.end..]].concat()
}

/// Major type and argument in their shortest form.
fn head(major: u8, argument: u64) -> Vec<u8> {
    let first = major << 5;
    let bytes = argument.to_be_bytes();
    match argument {
        0..24 => vec![first | bytes[7]],
        24..=0xff => vec![first + 24, bytes[7]],
        0x100..=0xffff => [&[first + 25], &bytes[6..]].concat(),
        0x1_0000..=0xffff_ffff => [&[first + 26], &bytes[4..]].concat(),
        _ => [&[first + 27], &bytes[..]].concat(),
    }
}

/// All items, as far as the bytes are CBOR of definite lengths.
fn items(bytes: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match walk(bytes, at, None, 0, &mut items) {
            Some(end) => at = end,
            None => break,
        }
    }
    // Those that turned out to be cut off have no end.
    items
}

fn walk(bytes: &[u8], start: usize, within: Option<usize>, depth: usize, items: &mut Vec<Item>) -> Option<usize> {
    if depth > DEPTH_MAX || items.len() >= ITEMS_MAX {
        return None;
    }
    let (major, argument, content) = read_head(bytes, start)?;
    let index = items.len();
    items.push(Item { start, content, end: content, major, argument, within });
    let end = match major {
        BYTES | TEXT => content.checked_add(usize::try_from(argument).ok()?).filter(|end| *end <= bytes.len()),
        ARRAY | MAP => {
            let count = argument.saturating_mul(if major == MAP { 2 } else { 1 });
            let mut at = Some(content);
            for _ in 0..count {
                at = at.and_then(|at| walk(bytes, at, Some(index), depth + 1, items));
                if at.is_none() {
                    break;
                }
            }
            at
        }
        6 => walk(bytes, content, Some(index), depth + 1, items),
        _ => Some(content),
    };
    let Some(end) = end else {
        items.truncate(index);
        return None;
    };
    items[index].end = end;
    Some(end)
}

fn read_head(bytes: &[u8], start: usize) -> Option<(u8, u64, usize)> {
    let first = *bytes.get(start)?;
    let (major, short) = (first >> 5, first & 0x1f);
    let length = match short {
        0..24 => return Some((major, u64::from(short), start + 1)),
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return None,
    };
    let argument = bytes.get(start + 1..start + 1 + length)?;
    let argument = argument.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    Some((major, argument, start + 1 + length))
}
