//! Records and saves that other targets begin with. They are the same in every run.

use std::sync::LazyLock;

use regard_core::gate;
use regard_core::id::{Actor, DeviceId, DocumentId, UnitId};
use regard_core::record::schema::{self, Form};
use regard_core::record::{Document, Edit, Kind, Scalar, StoredChange, genesis};
use regard_core::time::Timestamp;
use regard_core::wire::{Unit, UnitChange};

/// A time in November 2026.
pub(super) const AT: Timestamp = Timestamp(1_795_000_000_000);

/// One record of each kind, every field filled, with a value in conflict.
pub(super) static FILLED: LazyLock<Vec<Document>> = LazyLock::new(|| Kind::ALL.into_iter().map(filled).collect());

/// An actor of a device.
pub(super) fn actor(device: u8) -> Actor {
    Actor::of_device(DeviceId::from_bytes([device; 16]), [device; 4])
}

/// A record's id.
pub(super) fn document(n: u8) -> DocumentId {
    DocumentId::from_bytes([n; 16])
}

/// A save by a device.
pub(super) fn unit(n: u8, changes: Vec<(DocumentId, Vec<u8>)>) -> Unit {
    let changes = changes.into_iter().map(|(document, bytes)| UnitChange { document, bytes }).collect();
    let author = Some(DeviceId::from_bytes([n; 16]));
    Unit { id: UnitId::from_bytes([n; 16]), author, saved_at: AT, changes, signature: None }
}

/// Edits of every kind of field, by a device, as single changes.
pub(super) fn edited(document: &mut Document, device: u8) -> Vec<StoredChange> {
    let text = format!("Ana {device}");
    let fields = schema::fields(document.kind()).flat_map(|field| edits(field, &text));
    let edits: Vec<Edit> = fields.collect();
    edits.chunks(8).filter_map(|edits| document.edit(edits, &actor(device), AT).ok().flatten()).collect()
}

/// Changes of all sorts that follow `base`: by several devices apart, and a deletion.
pub(super) fn following(base: &Document) -> Vec<StoredChange> {
    let kind = base.kind();
    let title = |text: &str| Edit::Set(schema::title(kind).into(), text.into());
    let notes = |text: &str| Edit::Set(schema::notes(kind).into(), text.into());
    let by = |device: u8, edits: Vec<Vec<Edit>>| {
        let mut copy = base.clone();
        let made = edits.into_iter().filter_map(|edits| copy.edit(&edits, &actor(device), AT).ok().flatten());
        made.collect::<Vec<_>>()
    };
    let mut changes = by(21, vec![vec![title("Ana")], vec![title("Ben"), notes("Met at the fair, twice.")]]);
    changes.extend(by(22, vec![vec![notes("Met again."), title("Cem")], vec![Edit::Delete], vec![Edit::Restore]]));
    let entry =
        |item: &str| Edit::Put { field: "categories".into(), item: item.into(), member: None, value: item.into() };
    changes.extend(by(23, vec![vec![entry("vip"), entry("fair")], vec![Edit::Delete]]));
    changes
}

fn filled(kind: Kind) -> Document {
    let mut document = Document::new(kind);
    // Texts this short are within all bounds.
    let _ = document.seed_notes("Met at the fair.\nZażółć 🙂");
    edited(&mut document, 1);
    let mut other = document.clone();
    let title = |text: &str| [Edit::Set(schema::title(kind).into(), text.into())];
    let theirs = other.edit(&title("Theirs"), &actor(2), AT).ok().flatten();
    let _ = document.edit(&title("Ours"), &actor(3), AT);
    let theirs: Vec<_> = theirs.iter().filter_map(|change| gate::check(&change.bytes).ok()).collect();
    gate::apply(&mut document, &theirs);
    document
}

fn edits(field: &schema::Field, text: &str) -> Vec<Edit> {
    let name = field.name.to_owned();
    let set = |value: Scalar| vec![Edit::Set(name.clone(), value)];
    match field.form {
        Form::Line => set(text.into()),
        Form::Block | Form::Notes => set(format!("{text}\nsecond line\n").into()),
        Form::Moment => set("2026-11-22T10:00:00[Europe/Berlin]".into()),
        Form::Whole => set(Scalar::Whole(42)),
        Form::Link => set("01010101-0101-4101-8101-010101010101".into()),
        Form::Entries(members) => {
            let put = |member: Option<&str>| Edit::Put {
                field: name.clone(),
                item: "ana@x.org".into(),
                member: member.map(ToOwned::to_owned),
                value: if member == Some("size") { Scalar::Whole(7) } else { text.into() },
            };
            std::iter::once(put(None)).chain(members.iter().map(|member| put(Some(member)))).collect()
        }
    }
}

/// The whole history of a new record as one save.
pub(super) fn begun(kind: Kind, id: DocumentId, n: u8) -> (Document, Unit) {
    let mut record = Document::new(kind);
    edited(&mut record, n);
    let changes = record.changes_since(&[]).into_iter().map(|change| (id, change.bytes)).collect();
    debug_assert!(record.has(genesis::hash(kind)));
    (record, unit(n, changes))
}
