//! The first change of every record: a committed constant, one a kind, frozen for ever.
//!
//! It has a fixed actor, sequence number 1 and time 0, and creates the containers (maps and texts) of the kind. Two devices
//! that create "the same" record apart thereby share its history, and no container shadows another. The kind of a record is
//! known by the hash of this change, never by a claim inside the document.
//!
//! The bytes in `genesis/*.change` are never generated again: another first change of the same actor is the equivocation
//! that Automerge does not recover from. A later schema adds containers by further constants with actors of their own.

use std::sync::OnceLock;

use automerge::{Automerge, Change, ObjId, ROOT, ReadDoc};

use super::{Kind, schema};
use crate::id::ChangeHash;

/// The frozen bytes of `kind`'s first change.
#[must_use]
pub const fn bytes(kind: Kind) -> &'static [u8] {
    match kind {
        Kind::Email => include_bytes!("genesis/email.change"),
        Kind::Contact => include_bytes!("genesis/contact.change"),
        Kind::Task => include_bytes!("genesis/task.change"),
        Kind::Appointment => include_bytes!("genesis/appointment.change"),
        Kind::Account => include_bytes!("genesis/account.change"),
        Kind::Lead => include_bytes!("genesis/lead.change"),
    }
}

/// The hash of `kind`'s first change.
#[must_use]
pub fn hash(kind: Kind) -> ChangeHash {
    base(kind).hash
}

/// The kind whose first change has this hash.
#[must_use]
pub fn kind_of(hash: ChangeHash) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| base(*kind).hash == hash)
}

/// The kind whose first change was made by this actor. Such an actor may bring the frozen bytes and no others.
#[must_use]
pub fn kind_of_actor(actor: &[u8]) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| base(*kind).actor == actor)
}

/// A document of `kind` with nothing but its first change.
pub(super) fn document(kind: Kind) -> Automerge {
    base(kind).document.clone()
}

/// The text object in which the notes of every record of `kind` begin.
pub(super) fn notes(kind: Kind) -> &'static ObjId {
    &base(kind).notes
}

struct Base {
    document: Automerge,
    notes: ObjId,
    hash: ChangeHash,
    actor: Vec<u8>,
}

fn base(kind: Kind) -> &'static Base {
    static BASES: OnceLock<[Base; 6]> = OnceLock::new();
    &BASES.get_or_init(|| Kind::ALL.map(load))[usize::from(kind.number() - 1)]
}

fn load(kind: Kind) -> Base {
    let change = Change::from_bytes(bytes(kind).to_vec()).expect("a committed constant that a test loads");
    let mut document = Automerge::new();
    document.apply_changes([change.clone()]).expect("a committed constant that a test applies");
    let notes = document.get(ROOT, schema::notes(kind)).ok().flatten().expect("a first change creates the notes").1;
    Base { document, notes, hash: ChangeHash(change.hash().0), actor: change.actor_id().to_bytes().to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::schema::Form;
    use automerge::{ObjType, Value};

    /// If this fails, somebody changed a frozen constant: every store in the world would part from this build.
    #[test]
    fn the_first_changes_are_what_they_have_always_been() {
        let found: Vec<_> = Kind::ALL.map(|kind| format!("{kind} {}", hash(kind))).into();
        assert_eq!(found, FROZEN);
    }

    const FROZEN: &[&str] = &[
        "email 59f3f81f042c6f0e0dc65f35758310296c59dc68c878ee20b7107195328c1341",
        "contact d7fb667458e268285cd6e0e6b65ab82a8a82c1e7a7866c34b97e7c9e23d54cc9",
        "task e7917528fc7611d65337eae7648b8af94b6a4570577bd2a72c01749eba41852c",
        "appointment af4a1ed53b3185836de275c6ebb35596dcd582014052863fd81b79157252f3e3",
        "account 8bb8daf4dfc2321eab251fcff256bb41a3071b7d1e4e4e5be6359644ac8565f8",
        "lead 08bd268f57a4b1f65dcaabd87329798128c896d22d1f4db874518e5ab1ca43a2",
    ];

    #[test]
    fn a_first_change_creates_every_container_of_its_kind_and_no_more() {
        for kind in Kind::ALL {
            let document = document(kind);
            for field in schema::fields(kind) {
                let expected = match field.form {
                    Form::Notes => Some(ObjType::Text),
                    Form::Entries(_) => Some(ObjType::Map),
                    _ => None,
                };
                let found = document.get(ROOT, field.name).expect("root").map(|(value, _)| value);
                assert_eq!(found, expected.map(Value::Object), "{kind}.{}", field.name);
            }
            let containers = schema::fields(kind).filter(|f| matches!(f.form, Form::Notes | Form::Entries(_))).count();
            assert_eq!(document.keys(ROOT).count(), containers, "{kind}");
            assert_eq!(kind_of(hash(kind)), Some(kind));
            assert_eq!(kind_of_actor(&base(kind).actor), Some(kind));
        }
    }
}
