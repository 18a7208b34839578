//! A record in the making: every bound is kept here, and what did not fit is noted.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::text::{cut, one_line, plain_breaks};
use super::view::View;
use super::{Imported, Outcome};
use crate::id::to_hex;
use crate::limits::{
    BODY_BYTES_MAX, ENTRIES_MAX, IMPORT_ENTRIES_BYTES_MAX, IMPORT_RECORD_BYTES_MAX, KEY_BYTES_MAX, LINE_BYTES_MAX,
    NOTES_BYTES_MAX,
};
use crate::record::identity::Identity;
use crate::record::{Edit, Kind, Scalar};

/// Room in a key for the member behind the item, and for the mark of a cut key.
const KEY_RESERVE_BYTES: usize = 48;
/// Entries of `unknown` kept free for the notes on what did not fit.
const UNKNOWN_RESERVE: usize = 64;
/// What one entry costs beside its key and value.
const ENTRY_COST_BYTES: usize = 16;

/// Collects the edits of one record.
pub(super) struct Draft {
    kind: Kind,
    edits: Vec<Edit>,
    notes: String,
    bytes: usize,
    entries_bytes: usize,
    items: BTreeMap<&'static str, BTreeSet<String>>,
    /// How often a name was given out, so that numbering many costs no search.
    names: BTreeMap<(&'static str, String), usize>,
    /// What did not fit, by field.
    truncated: BTreeMap<String, String>,
    /// Entries that did not fit, by field.
    left_out: BTreeMap<&'static str, usize>,
}

impl Draft {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            edits: Vec::new(),
            notes: String::new(),
            bytes: 0,
            entries_bytes: 0,
            items: BTreeMap::new(),
            names: BTreeMap::new(),
            truncated: BTreeMap::new(),
            left_out: BTreeMap::new(),
        }
    }

    /// Sets a field of one line; nothing where the text is empty.
    pub(super) fn line(&mut self, field: &'static str, text: &str) {
        self.set(field, &one_line(text), LINE_BYTES_MAX);
    }

    /// Sets a long text; nothing where it is empty.
    pub(super) fn block(&mut self, field: &'static str, text: &str) {
        self.set(field, text, BODY_BYTES_MAX);
    }

    /// Sets a long text, cut to what the record has room for: to be called last.
    pub(super) fn block_in_the_rest(&mut self, field: &'static str, text: &str) {
        let rest = IMPORT_RECORD_BYTES_MAX.saturating_sub(self.bytes + self.entries_bytes);
        self.set(field, text, BODY_BYTES_MAX.min(rest));
    }

    /// Sets a whole number.
    pub(super) fn whole(&mut self, field: &'static str, number: i64) {
        self.bytes += field.len() + size_of::<i64>();
        self.edits.push(Edit::Set(field.into(), Scalar::Whole(number)));
    }

    /// Adds to the notes, after an empty line where there are some.
    pub(super) fn note(&mut self, text: &str) {
        let text = plain_breaks(text);
        if !self.notes.is_empty() && !text.is_empty() {
            self.notes.push_str("\n\n");
        }
        self.notes.push_str(&text);
    }

    /// Adds an item to a field of several. Answers its key, by which members are set; none where it is already there, has
    /// an empty key or finds no room.
    pub(super) fn item(&mut self, field: &'static str, item: &str, value: &str) -> Option<String> {
        let key = bounded_key(&one_line(item));
        let items = self.items.entry(field).or_default();
        if key.is_empty() || items.contains(&key) {
            return None;
        }
        let reserve = if field == "unknown" { UNKNOWN_RESERVE } else { 0 };
        let has_place = items.len() < ENTRIES_MAX - reserve;
        if !has_place || self.entries_bytes + key.len() + value.len() + ENTRY_COST_BYTES > IMPORT_ENTRIES_BYTES_MAX {
            self.leave_out(field);
            return None;
        }
        items.insert(key.clone());
        self.put(field, &key, None, value.into());
        Some(key)
    }

    /// Whether a field of several has the item, and if so its key.
    pub(super) fn found(&self, field: &'static str, item: &str) -> Option<String> {
        let key = bounded_key(&one_line(item));
        self.items.get(field).is_some_and(|items| items.contains(&key)).then_some(key)
    }

    /// Says what is known of an item that [`Draft::item`] added; nothing where the text is empty.
    pub(super) fn member(&mut self, field: &'static str, key: &str, member: &str, text: &str) {
        let text = one_line(text);
        if !text.is_empty() {
            let kept = self.kept(&format!("{field} {key} {member}"), &text, LINE_BYTES_MAX).to_owned();
            self.put_member(field, key, member, kept.into());
        }
    }

    /// The same for text of several lines.
    pub(super) fn member_block(&mut self, field: &'static str, key: &str, member: &str, text: &str) {
        let kept = self.kept(&format!("{field} {key} {member}"), text, BODY_BYTES_MAX).to_owned();
        self.put_member(field, key, member, kept.into());
    }

    /// The same for a value that is no text.
    pub(super) fn member_value(&mut self, field: &'static str, key: &str, member: &str, value: Scalar) {
        self.put_member(field, key, member, value);
    }

    /// Adds an item whose name others may have, too: `work`, `work 2`, with `separator` before the number; `1`, `2` for an empty
    /// name.
    pub(super) fn numbered(&mut self, field: &'static str, name: &str, separator: &str, value: &str) -> Option<String> {
        // A name may look like another one with its number; so far no file has been seen in which any does.
        const TRIES_MAX: usize = 4;
        (0..TRIES_MAX).find_map(|_| {
            let count = self.names.entry((field, name.to_owned())).or_default();
            *count += 1;
            let key =
                if *count == 1 && !name.is_empty() { name.to_owned() } else { format!("{name}{separator}{count}") };
            self.item(field, &key, value)
        })
    }

    /// Keeps what Regard has no field for. Repeated names get a number: `X-FOO`, `X-FOO#2`.
    pub(super) fn unknown(&mut self, name: &str, text: &str) {
        self.numbered("unknown", &one_line(name), "#", text);
    }

    /// Notes that a property was left out.
    pub(super) fn did_not_fit(&mut self, name: &str, said: &str) {
        let noted = self.truncated.entry(name.into()).or_default();
        *noted = format!("{noted}{}{said}", if noted.is_empty() { "" } else { "; " });
    }

    /// Notes that something of a field is not kept.
    pub(super) fn leave_out(&mut self, field: &'static str) {
        *self.left_out.entry(field).or_default() += 1;
    }

    /// The fields as they stand so far.
    pub(super) fn view(&self) -> View {
        View::planned(self.kind, &self.edits, &self.notes)
    }

    /// The record. A record without any field is one all the same: that the thing is there is what is known of it.
    pub(super) fn finish(mut self, identity: Identity) -> Outcome {
        if self.notes.len() > NOTES_BYTES_MAX {
            let notes = std::mem::take(&mut self.notes);
            let kept = self.kept("notes", &notes, NOTES_BYTES_MAX);
            self.notes.push_str(kept);
        }
        let left_out = std::mem::take(&mut self.left_out);
        for (field, count) in left_out {
            self.did_not_fit(field, &format!("{count} entries did not fit"));
        }
        // Members can be cut by the thousand; the first ones say enough.
        for (field, said) in std::mem::take(&mut self.truncated).into_iter().take(UNKNOWN_RESERVE) {
            self.put("unknown", &bounded_key(&format!("truncated {field}")), None, said.into());
        }
        Outcome::Record(Box::new(Imported { kind: self.kind, identity, edits: self.edits, notes: self.notes }))
    }

    fn set(&mut self, field: &'static str, text: &str, bytes_max: usize) {
        let kept = self.kept(field, text, bytes_max);
        if kept.is_empty() {
            return;
        }
        self.bytes += field.len() + kept.len();
        self.edits.push(Edit::Set(field.into(), kept.into()));
    }

    fn put_member(&mut self, field: &'static str, key: &str, member: &str, value: Scalar) {
        let bytes =
            key.len() + member.len() + ENTRY_COST_BYTES + if let Scalar::Text(text) = &value { text.len() } else { 8 };
        if self.entries_bytes + bytes > IMPORT_ENTRIES_BYTES_MAX {
            self.truncated.insert(format!("{field} {key} {member}"), "did not fit".into());
            return;
        }
        self.put(field, key, Some(member), value);
    }

    fn put(&mut self, field: &str, item: &str, member: Option<&str>, value: Scalar) {
        let text = if let Scalar::Text(text) = &value { text.len() } else { size_of::<i64>() };
        self.entries_bytes += item.len() + member.map_or(0, str::len) + text + ENTRY_COST_BYTES;
        let (field, item) = (field.to_owned(), item.to_owned());
        self.edits.push(Edit::Put { field, item, member: member.map(str::to_owned), value });
    }

    /// The part of the text that fits, noting what does not.
    fn kept<'a>(&mut self, field: &str, text: &'a str, bytes_max: usize) -> &'a str {
        let kept = cut(text, bytes_max);
        if kept.len() < text.len() {
            let said = format!("{} of {} bytes are kept", kept.len(), text.len());
            self.truncated.insert(field.into(), said);
        }
        kept
    }
}

/// The SHA-256 of canonical content, for things without an id of their own. Part of the format: if it changes, what was
/// imported before and is imported again becomes a second record.
pub(super) fn content_identity<'a>(kind: Kind, parts: impl IntoIterator<Item = &'a str>) -> Identity {
    let mut hasher = Sha256::new();
    hasher.update(b"regard content 1");
    hasher.update([kind.number()]);
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    Identity::Content(hasher.finalize().into())
}

/// A key within its bound, escaped as [`crate::record::read`] escapes it. One that is cut gets a mark of the whole, so that
/// two long keys with the same beginning stay two.
pub(super) fn bounded_key(key: &str) -> String {
    const BYTES_MAX: usize = KEY_BYTES_MAX - KEY_RESERVE_BYTES;
    let cost = |c: char| if matches!(c, '%' | '/') { 3 } else { c.len_utf8() };
    if key.chars().map(cost).sum::<usize>() <= BYTES_MAX {
        return key.to_owned();
    }
    let mut room = BYTES_MAX;
    let fits = |c: &char| {
        let left = room.checked_sub(cost(*c));
        room = left.unwrap_or(0);
        left.is_some()
    };
    let kept: String = key.chars().take_while(fits).collect();
    format!("{kept}…{}", to_hex(&Sha256::digest(key)[..4]))
}
