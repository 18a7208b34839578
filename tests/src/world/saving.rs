//! What the persons of the simulated world write.

use regard_client::store::{Save, Store, StoreError, Work};
use regard_core::id::DocumentId;
use regard_core::record::{Edit, Kind, Scalar};
use regard_core::time::Timestamp;

use super::token::Token;
use crate::harness::Seed;

/// So few records that edits meet.
const RECORDS: usize = 8;
/// Records of one save.
const RECORDS_OF_A_SAVE_MAX: usize = 3;

/// A save and the marks in it, one for each record.
pub(super) struct Marked {
    pub(super) save: Save,
    pub(super) tokens: Vec<(DocumentId, Token)>,
}

/// Something that a person might save next.
///
/// # Errors
/// As the store has it.
pub(super) fn anything(store: &Store, seed: &mut Seed, next: &mut u32, at: Timestamp) -> Result<Marked, StoreError> {
    let mut marked = Marked { save: Save { at, works: Vec::new() }, tokens: Vec::new() };
    let count = if seed.chance(1, 4) { 1 + seed.below(RECORDS_OF_A_SAVE_MAX) } else { 1 };
    let mut numbers: Vec<usize> = (0..count).map(|_| seed.below(RECORDS)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    for number in numbers {
        let token = Token(*next);
        *next += 1;
        let (id, kind) = record(number);
        let work = match store.document(id) {
            Ok(document) => {
                let notes = document.text(notes_of(kind));
                Work::Edit { id, edits: edits(kind, token, Some(&notes), seed) }
            }
            Err(StoreError::NoRecord(_)) => {
                // What is imported apart by two people begins with the same text.
                let notes = if seed.chance(1, 2) { format!("of record {number}") } else { String::new() };
                Work::Create { id, kind, notes, edits: edits(kind, token, None, seed) }
            }
            Err(error) => return Err(error),
        };
        marked.save.works.push(work);
        marked.tokens.push((id, token));
    }
    Ok(marked)
}

/// A few records, the same ones for everybody: those who make one apart meet in it.
fn record(number: usize) -> (DocumentId, Kind) {
    let kind = if number.is_multiple_of(2) { Kind::Contact } else { Kind::Task };
    let mut bytes = [0x5a; 16];
    bytes[15] = u8::try_from(number).unwrap_or(u8::MAX);
    (DocumentId::from_bytes(bytes), kind)
}

fn notes_of(kind: Kind) -> &'static str {
    if kind == Kind::Task { "description" } else { "notes" }
}

fn edits(kind: Kind, token: Token, notes: Option<&str>, seed: &mut Seed) -> Vec<Edit> {
    let text = |text: String| Scalar::Text(text);
    let line = if kind == Kind::Task { "summary" } else { "full_name" };
    let mut edits = match seed.below(4) {
        0 if notes.is_some() => {
            let notes = notes.unwrap_or_default();
            vec![Edit::Set(notes_of(kind).into(), text(format!("{notes} {token}")))]
        }
        1 if kind == Kind::Contact => {
            let item = format!("{token}@x.example");
            vec![Edit::Put { field: "emails".into(), item, member: None, value: Scalar::Flag(true) }]
        }
        _ => vec![Edit::Set(line.into(), text(token.to_string()))],
    };
    if notes.is_some() && seed.chance(1, 12) {
        edits.push(if seed.chance(1, 2) { Edit::Delete } else { Edit::Restore });
    }
    edits
}
