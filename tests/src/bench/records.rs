//! Records to measure with: contacts with some fifteen fields, as an address book has them.

use regard_client::store::{Save, Saved, Store, Work};
use regard_client::system::{SystemEntropy, now};
use regard_core::id::{Actor, DocumentId};
use regard_core::record::{Document, Edit, EditError, Kind, StoredChange, genesis};
use regard_core::time::Timestamp;

use super::Failure;
use super::plan::Doing;

/// Saves in one transaction while a store is filled.
const SAVES_TOGETHER: usize = 256;

/// Makes so many contacts and answers their ids in the order of their making.
pub(crate) fn fill(store: &Store, count: usize) -> Result<Vec<DocumentId>, Failure> {
    let ids: Vec<DocumentId> = (0..count).map(|_| DocumentId::random(&mut SystemEntropy)).collect();
    for (batch, ids) in ids.chunks(SAVES_TOGETHER).enumerate() {
        let numbered = ids.iter().zip(batch * SAVES_TOGETHER..);
        let made = numbered.map(|(id, number)| creation(*id, number)).collect();
        let saved = store.save_all(made, &mut SystemEntropy).doing("filling a store")?;
        saved.into_iter().try_for_each(|saved| saved.map(drop)).doing("filling a store")?;
    }
    Ok(ids)
}

/// The save that makes a contact.
pub(crate) fn creation(id: DocumentId, number: usize) -> Save {
    let edits = contact(number);
    Save { at: now(), works: vec![Work::Create { id, kind: Kind::Contact, notes: String::new(), edits }] }
}

/// The save of one changed field.
pub(crate) fn edit(id: DocumentId, number: usize) -> Save {
    Save { at: now(), works: vec![Work::Edit { id, edits: vec![promotion(number)] }] }
}

pub(crate) fn save(store: &Store, save: Save) -> Result<Saved, Failure> {
    store.save(save, &mut SystemEntropy).doing("saving")
}

/// The bytes of the change that a record's last save made.
pub(crate) fn last_change(store: &Store, id: DocumentId) -> Result<Vec<u8>, Failure> {
    let document = store.document(id).doing("opening a record")?;
    let change = document.heads().first().and_then(|head| document.change(*head));
    change.map(|change| change.bytes).ok_or_else(|| Failure::new(format!("record {id} has no change")))
}

/// The changes of a contact that is made and then edited: the frozen first one, the contact itself, and one an edit.
pub(crate) fn history(actor: &Actor, number: usize, changes: usize) -> Result<Vec<StoredChange>, EditError> {
    let mut document = Document::new(Kind::Contact);
    let kind = document.kind();
    let mut made = vec![StoredChange { hash: genesis::hash(kind), bytes: genesis::bytes(kind).to_vec() }];
    made.extend(document.edit(&contact(number), actor, Timestamp(0))?);
    for version in made.len()..changes {
        made.extend(document.edit(&[promotion(version)], actor, Timestamp(0))?);
    }
    Ok(made)
}

fn promotion(number: usize) -> Edit {
    Edit::Set("job_title".into(), format!("Head of department {number}").into())
}

fn contact(number: usize) -> Vec<Edit> {
    let set = |name: &str, value: String| Edit::Set(name.into(), value.into());
    let put = |field: &str, item: String, member: Option<&str>, value: String| Edit::Put {
        field: field.into(),
        item,
        member: member.map(str::to_owned),
        value: value.into(),
    };
    let (email, phone) = (format!("person{number}@example.org"), format!("+49 30 {number:07}"));
    vec![
        set("full_name", format!("Person Number {number}")),
        set("given_name", "Person".into()),
        set("family_name", format!("Number {number}")),
        set("nickname", format!("n{number}")),
        set("job_title", "Engineer".into()),
        set("department", format!("Department {}", number % 17)),
        set("company", format!("Company {}", number % 101)),
        set("birthday", "1980-02-03".into()),
        set("uid", format!("urn:example:{number}")),
        set("owner", "Ana".into()),
        put("emails", email.clone(), None, email.clone()),
        put("emails", email, Some("label"), "work".into()),
        put("phones", phone.clone(), None, phone),
        put("addresses", "work".into(), Some("street"), format!("{number} Main Street")),
        put("addresses", "work".into(), Some("locality"), "Springfield".into()),
    ]
}
