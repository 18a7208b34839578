//! Changing a record: only what changed is written, and never a container.

use automerge::transaction::{CommitOptions, Transactable, Transaction};
use automerge::{ActorId, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value};
use sha2::{Digest, Sha256};

use super::document::{StoredChange, stored};
use super::read::{Scalar, join_key, read_value};
use super::schema::{self, Field, Form};
use super::text;
use super::{Document, Kind, Life, genesis};
use crate::id::{Actor, DocumentId};
use crate::limits::{BODY_BYTES_MAX, CHANGE_OPS_MAX, ENTRIES_MAX, KEY_BYTES_MAX, LINE_BYTES_MAX, NOTES_BYTES_MAX};
use crate::time::Timestamp;

/// One thing to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// A field of one value, or notes, gets this value.
    Set(String, Scalar),
    /// A field of one value, or notes, is emptied.
    Clear(String),
    /// An item is there, or one of its members has this value.
    Put {
        /// A field of several.
        field: String,
        /// The item.
        item: String,
        /// One of the field's members; the item itself where it is absent.
        member: Option<String>,
        /// The value.
        value: Scalar,
    },
    /// An item and all its members go.
    Remove {
        /// A field of several.
        field: String,
        /// The item.
        item: String,
    },
    /// What is known of an item goes, or the item without what is known of it.
    Forget {
        /// A field of several.
        field: String,
        /// The item.
        item: String,
        /// One of the field's members; the item itself where it is absent.
        member: Option<String>,
    },
    /// The record is put aside for everyone; it can be restored. Deleting once more settles an undecided deletion.
    Delete,
    /// The record is there again.
    Restore,
}

/// Why an edit was not made. The record is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The kind has no such field.
    #[error("{kind} records have no field “{name}”; they have {fields}")]
    UnknownField {
        /// The record's kind.
        kind: Kind,
        /// What was asked for.
        name: String,
        /// All field names, for the message.
        fields: String,
    },
    /// The field is held in another form.
    #[error("“{name}” {expected}")]
    WrongForm {
        /// The field.
        name: String,
        /// What it takes, as the end of the sentence.
        expected: String,
    },
    /// The value is beyond its bound.
    #[error("“{name}” takes at most {bound}, and this is {found}")]
    TooLarge {
        /// The field.
        name: String,
        /// The bound, with its unit.
        bound: String,
        /// The size found.
        found: usize,
    },
    /// Automerge refused it.
    #[error("the edit could not be made: {0}")]
    Refused(String),
}

impl Document {
    /// Makes `edits` as one change of `actor`, or none where everything is already so.
    ///
    /// # Errors
    /// Any [`EditError`]; the record is then as it was.
    pub fn edit(&mut self, edits: &[Edit], actor: &Actor, at: Timestamp) -> Result<Option<StoredChange>, EditError> {
        let kind = self.kind();
        let mut standing = Standing::of(self, edits);
        self.act_as(actor);
        let mut transaction = self.automerge.transaction();
        for edit in edits {
            if let Err(error) = write(&mut transaction, kind, &mut standing, edit) {
                transaction.rollback();
                return Err(error);
            }
        }
        if transaction.pending_ops() == 0 {
            transaction.rollback();
            return Ok(None);
        }
        let ops = transaction.pending_ops();
        if ops as u64 > CHANGE_OPS_MAX {
            transaction.rollback();
            let bound = format!("{CHANGE_OPS_MAX} characters written and taken away in one save");
            return Err(EditError::TooLarge { name: schema::notes(kind).into(), bound, found: ops });
        }
        transaction.commit_with(CommitOptions::default().with_time(at.as_seconds()));
        Ok(self.automerge.get_last_local_change().map(|change| stored(&change)))
    }

    /// Gives a new record's notes their first text, by a change that depends on nothing but the text, so that two people
    /// who import the same thing apart do not double it. Call it before any edit.
    ///
    /// # Errors
    /// [`EditError::TooLarge`]; [`EditError::WrongForm`] where the record has been edited already.
    pub fn seed_notes(&mut self, text: &str) -> Result<Option<StoredChange>, EditError> {
        let name = schema::notes(self.kind());
        if text.is_empty() {
            return Ok(None);
        }
        within(name, text.len(), NOTES_BYTES_MAX)?;
        let first = genesis::hash(self.kind());
        if self.heads() != [first] {
            return Err(EditError::WrongForm {
                name: name.into(),
                expected: "of a new record only can be seeded".into(),
            });
        }
        let mut digest = Sha256::new();
        digest.update(b"regard seed 1");
        digest.update(first.0);
        digest.update(text.as_bytes());
        self.automerge.set_actor(ActorId::from(&digest.finalize()[..16]));
        let mut transaction = self.automerge.transaction();
        let notes = text_object(&transaction, name).ok_or_else(|| refused("the notes are missing"))?;
        transaction.splice_text(&notes, 0, 0, text).map_err(refused)?;
        transaction.commit_with(CommitOptions::default().with_time(0));
        Ok(self.automerge.get_last_local_change().map(|change| stored(&change)))
    }
}

/// What a transaction cannot tell of the record as the edits so far have made it; of what no edit asks about, nothing.
struct Standing {
    life: Life,
    notes_are_contested: bool,
}

impl Standing {
    /// Looks only at what `edits` ask about: notes can be long.
    fn of(document: &Document, edits: &[Edit]) -> Self {
        let notes = schema::notes(document.kind());
        let sets_life = edits.iter().any(|edit| matches!(edit, Edit::Delete | Edit::Restore));
        let sets_notes =
            edits.iter().any(|edit| matches!(edit, Edit::Set(name, _) | Edit::Clear(name) if name == notes));
        let are_contested = |document: &Document| document.shown_notes().is_some_and(|shown| !shown.others.is_empty());
        Self {
            life: if sets_life { document.life() } else { Life::Live },
            notes_are_contested: sets_notes && are_contested(document),
        }
    }
}

/// Writes one edit on top of those before it, or nothing where it is already so.
fn write(to: &mut Transaction<'_>, kind: Kind, standing: &mut Standing, edit: &Edit) -> Result<(), EditError> {
    match edit {
        Edit::Set(name, value) => set(to, known(kind, name)?, value, standing),
        Edit::Clear(name) => clear(to, known(kind, name)?, standing),
        Edit::Put { field, item, member, value } => put(to, known(kind, field)?, item, member.as_deref(), value),
        Edit::Remove { field, item } => remove(to, known(kind, field)?, item),
        Edit::Forget { field, item, member } => forget(to, known(kind, field)?, item, member.as_deref()),
        Edit::Delete => set_life(to, &mut standing.life, Life::Deleted),
        Edit::Restore => set_life(to, &mut standing.life, Life::Live),
    }
}

fn set_life(to: &mut Transaction<'_>, life: &mut Life, wanted: Life) -> Result<(), EditError> {
    if *life == wanted {
        return Ok(());
    }
    *life = wanted;
    overwrite(to, &ROOT, schema::DELETED, (wanted == Life::Deleted).into())
}

fn known(kind: Kind, name: &str) -> Result<&'static Field, EditError> {
    schema::find(kind, name).ok_or_else(|| EditError::UnknownField {
        kind,
        name: name.chars().take(80).collect(),
        fields: schema::fields(kind).map(|field| field.name).collect::<Vec<_>>().join(", "),
    })
}

fn set(to: &mut Transaction<'_>, field: &Field, value: &Scalar, standing: &mut Standing) -> Result<(), EditError> {
    match (field.form, value) {
        (Form::Notes, Scalar::Text(text)) => set_notes(to, field.name, text, standing),
        (Form::Line | Form::Moment, Scalar::Text(text)) if text.contains(['\n', '\r']) => {
            wrong(field, "takes a single line")
        }
        (Form::Line | Form::Moment, Scalar::Text(text)) => put_text(to, field.name, text, LINE_BYTES_MAX),
        (Form::Block, Scalar::Text(text)) => put_text(to, field.name, text, BODY_BYTES_MAX),
        (Form::Link, Scalar::Text(text)) if text.parse::<DocumentId>().is_err() => {
            wrong(field, "takes the id of a record")
        }
        (Form::Link, Scalar::Text(text)) => put_text(to, field.name, text, LINE_BYTES_MAX),
        (Form::Whole, Scalar::Whole(_)) => put_changed(to, &ROOT, field.name, value),
        (Form::Whole, _) => wrong(field, "takes a whole number"),
        (Form::Entries(_), _) => wrong(field, "has several entries: add one with += or remove one with -="),
        _ => wrong(field, "takes text"),
    }
}

fn put_text(to: &mut Transaction<'_>, name: &str, text: &str, bytes_max: usize) -> Result<(), EditError> {
    within(name, text.len(), bytes_max)?;
    put_changed(to, &ROOT, name, &text.into())
}

/// Writes a value, unless it is there and no concurrent one differs from it.
fn put_changed(to: &mut Transaction<'_>, object: &ObjId, key: &str, value: &Scalar) -> Result<(), EditError> {
    let found = to.get_all(object, key).map_err(refused)?;
    let mut readable = found.iter().filter_map(|(found, id)| read_value(to, found, id)).peekable();
    if readable.peek().is_some() && readable.all(|found| found == *value) {
        return Ok(());
    }
    overwrite(to, object, key, scalar_value(value))
}

/// Writes a value that counts as written here and now. Automerge's own `put` writes nothing where the value shows already,
/// or only takes the others away: who decides for what shows would be outvoted by whoever did not know of the decision.
fn overwrite(to: &mut Transaction<'_>, object: &ObjId, key: &str, value: ScalarValue) -> Result<(), EditError> {
    let shows_already = matches!(to.get(object, key), Ok(Some((Value::Scalar(found), _))) if *found == value);
    if shows_already {
        to.delete(object, key).map_err(refused)?;
    }
    to.put(object, key, value).map_err(refused)
}

/// Writes the difference into the text that shows, so that both sides' typing stays. Where another program replaced the
/// text by a plain string there is nothing to merge with, and the string is replaced; and where the notes are contested, a
/// new value at their place is what settles it.
fn set_notes(to: &mut Transaction<'_>, name: &str, text: &str, standing: &mut Standing) -> Result<(), EditError> {
    within(name, text.len(), NOTES_BYTES_MAX)?;
    if std::mem::take(&mut standing.notes_are_contested) {
        return overwrite(to, &ROOT, name, text.into());
    }
    match text_object(to, name) {
        Some(object) => text::rewrite(to, &object, text).map_err(refused),
        None => put_changed(to, &ROOT, name, &text.into()),
    }
}

fn clear(to: &mut Transaction<'_>, field: &Field, standing: &mut Standing) -> Result<(), EditError> {
    match field.form {
        Form::Notes => set_notes(to, field.name, "", standing),
        Form::Entries(_) => wrong(field, "has several entries: remove one with -="),
        _ if to.get(ROOT, field.name).map_err(refused)?.is_some() => to.delete(ROOT, field.name).map_err(refused),
        _ => Ok(()),
    }
}

fn put(
    to: &mut Transaction<'_>,
    field: &Field,
    item: &str,
    member: Option<&str>,
    value: &Scalar,
) -> Result<(), EditError> {
    let Form::Entries(members) = field.form else { return wrong(field, "has one value: set it with =") };
    if let Some(member) = member.filter(|member| !members.contains(member)) {
        return wrong(field, &format!("has no “{member}”; an entry has {}", members.join(", ")));
    }
    let key = join_key(item, member);
    within(field.name, key.len(), KEY_BYTES_MAX)?;
    if let Scalar::Text(text) = value {
        within(field.name, text.len(), BODY_BYTES_MAX)?;
    }
    let map = map_object(to, field.name)?;
    let is_new = to.get(&map, key.as_str()).map_err(refused)?.is_none();
    if is_new && to.length(&map) >= ENTRIES_MAX * (members.len() + 1) {
        let bound = format!("{ENTRIES_MAX} entries");
        return Err(EditError::TooLarge { name: field.name.into(), bound, found: to.length(&map) });
    }
    let own = join_key(item, None);
    if member.is_some() && to.get(&map, own.as_str()).map_err(refused)?.is_none() {
        // What is known of an item that is not there would show nowhere.
        put_changed(to, &map, &own, &item.into())?;
    }
    put_changed(to, &map, &key, value)
}

fn remove(to: &mut Transaction<'_>, field: &Field, item: &str) -> Result<(), EditError> {
    let Form::Entries(_) = field.form else { return wrong(field, "has one value: clear it with =") };
    let map = map_object(to, field.name)?;
    let (own, members) = (join_key(item, None), join_key(item, Some("")));
    let gone: Vec<String> = to.keys(&map).filter(|key| *key == own || key.starts_with(&members)).collect();
    gone.into_iter().try_for_each(|key| to.delete(&map, key).map_err(refused))
}

fn forget(to: &mut Transaction<'_>, field: &Field, item: &str, member: Option<&str>) -> Result<(), EditError> {
    let Form::Entries(_) = field.form else { return wrong(field, "has one value: clear it with =") };
    let map = map_object(to, field.name)?;
    let key = join_key(item, member);
    match to.get(&map, key.as_str()).map_err(refused)? {
        Some(_) => to.delete(&map, key.as_str()).map_err(refused),
        None => Ok(()),
    }
}

fn map_object(to: &Transaction<'_>, name: &str) -> Result<ObjId, EditError> {
    match to.get(ROOT, name) {
        Ok(Some((Value::Object(ObjType::Map), id))) => Ok(id),
        _ => Err(refused(format!("“{name}” was replaced by another program with something that takes no entries"))),
    }
}

fn text_object(to: &Transaction<'_>, name: &str) -> Option<ObjId> {
    match to.get(ROOT, name) {
        Ok(Some((Value::Object(ObjType::Text), id))) => Some(id),
        _ => None,
    }
}

fn scalar_value(value: &Scalar) -> ScalarValue {
    match value {
        Scalar::Text(text) => text.as_str().into(),
        Scalar::Whole(number) => (*number).into(),
        Scalar::Flag(flag) => (*flag).into(),
    }
}

fn within(name: &str, found: usize, bytes_max: usize) -> Result<(), EditError> {
    if found <= bytes_max {
        return Ok(());
    }
    Err(EditError::TooLarge { name: name.into(), bound: format!("{bytes_max} bytes"), found })
}

fn wrong(field: &Field, expected: &str) -> Result<(), EditError> {
    Err(EditError::WrongForm { name: field.name.into(), expected: expected.into() })
}

fn refused(error: impl ToString) -> EditError {
    EditError::Refused(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::DeviceId;

    /// If this fails, notes that two versions of Regard import apart are doubled: the bytes of a seed are part of the format.
    #[test]
    fn a_seed_is_what_it_has_always_been() {
        let mut document = Document::new(Kind::Contact);
        let seed = document.seed_notes("Met at the fair. Zażółć 🙂").expect("notes").expect("a change");
        assert_eq!(seed.hash.to_string(), "11d58f4f02a8db2c2144107869877fcf9e5e5c0b2d8a8c646cad0d9258e02ad9");
    }

    #[test]
    fn what_is_known_of_an_item_brings_the_item_with_it() {
        let mut document = Document::new(Kind::Contact);
        let (field, item) = ("emails".to_owned(), "ana@x.org".to_owned());
        let edit = Edit::Put { field, item, member: Some("label".into()), value: "work".into() };
        let actor = Actor::of_device(DeviceId::from_bytes([1; 16]), [0; 4]);
        document.edit(&[edit], &actor, Timestamp(0)).expect("an edit");
        let entries = document.entries("emails");
        let members = entries.get("ana@x.org").map(|entry| entry.members.get("label").cloned());
        assert_eq!(members, Some(Some("work".into())));
    }
}
