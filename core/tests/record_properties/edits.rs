//! Random edits, dense enough that replicas meet at the same places.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use regard_core::record::schema::{self, Field, Form};
use regard_core::record::{Document, Edit, Kind, Scalar};

/// What somebody wants to do; it becomes an edit when it is known what the record says then.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    field: Index,
    choice: u8,
    text: &'static str,
    item: &'static str,
    member: Index,
}

const TEXTS: [&str; 5] = ["", "a", "b", "grün", "a longer text"];
/// Also such as hold what separates an item from its members.
const ITEMS: [&str; 4] = ["ana@x.org", "b/c", "50%", "a"];
const LINKS: [&str; 2] = ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"];

impl Wish {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        (any::<Index>(), any::<u8>(), select(&TEXTS[..]), select(&ITEMS[..]), any::<Index>())
            .prop_map(|(field, choice, text, item, member)| Self { field, choice, text, item, member })
    }

    pub(crate) fn edit(&self, document: &Document) -> Edit {
        if self.choice < 16 {
            return Edit::Delete;
        }
        if self.choice < 28 {
            return Edit::Restore;
        }
        let field = *self.field.get(&places(document.kind()));
        let name = field.name.to_owned();
        match field.form {
            Form::Entries(_) if self.choice < 80 => Edit::Remove { field: name, item: self.item.into() },
            Form::Entries(members) => {
                let members: Vec<_> = [None].into_iter().chain(members.iter().map(|m| Some((*m).to_owned()))).collect();
                let member = self.member.get(&members).clone();
                Edit::Put { field: name, item: self.item.into(), member, value: self.text.into() }
            }
            _ if self.choice < 60 => Edit::Clear(name),
            Form::Whole => Edit::Set(name, Scalar::Whole(i64::from(self.choice % 3) - 1)),
            Form::Link => Edit::Set(name, LINKS[usize::from(self.choice % 2)].into()),
            Form::Notes => Edit::Set(name, self.rewritten(&document.text(field.name)).into()),
            Form::Line | Form::Block | Form::Moment => Edit::Set(name, self.text.into()),
        }
    }

    fn rewritten(&self, notes: &str) -> String {
        let kept: String = notes.chars().take(40).collect();
        match self.choice % 3 {
            0 => format!("{}{kept}", self.text),
            1 => format!("{kept}{}", self.text),
            _ => kept.chars().skip(usize::from(self.choice % 5)).chain(self.text.chars()).collect(),
        }
    }
}

/// The title, the notes and some others thrice, so that most edits meet; and every field once.
fn places(kind: Kind) -> Vec<&'static Field> {
    let dense = [schema::title(kind), schema::notes(kind), "related", "categories", "regarding", "percent"];
    let dense: Vec<_> = dense.iter().filter_map(|name| schema::find(kind, name)).collect();
    let repeated = dense.iter().cycle().take(dense.len() * 5).copied();
    repeated.chain(schema::fields(kind)).collect()
}
