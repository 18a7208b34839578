//! What stands in a record that this version has no field for: fields and containers of a newer version, or of another
//! program. An edit never touches them; here they are shown.

use automerge::{ObjId, ObjType, Prop, ROOT, ReadDoc, ScalarValue, Value};

use super::{PlaceReport, ValueReport};
use crate::id::{Actor, to_hex};
use crate::record::document::own;
use crate::record::schema::{self, Form};
use crate::record::{Document, Scalar};

/// Places that are told of one record; a hostile one could have a million.
const PLACES_MAX: usize = 1_000;
/// Containers in containers that are looked into.
const DEPTH_MAX: usize = 8;
/// Bytes of a binary value that are shown.
const BYTES_SHOWN: usize = 32;

/// The places beyond the schema, in the order of their names, [`PLACES_MAX`] at most.
pub(super) fn places(document: &Document) -> Vec<PlaceReport> {
    let mut walk = Walk { document, found: Vec::new() };
    for key in document.automerge.keys(ROOT) {
        match schema::find(document.kind(), &key).map(|field| field.form) {
            None if key != schema::DELETED => walk.place(&ROOT, Prop::Map(key.clone()), key, 0),
            Some(Form::Entries(_)) => walk.containers_in(&key),
            _ => {}
        }
    }
    walk.found
}

struct Walk<'a> {
    document: &'a Document,
    found: Vec<PlaceReport>,
}

impl Walk<'_> {
    /// A field of several holds scalars only; whatever else was put into it is beyond the schema.
    fn containers_in(&mut self, field: &str) {
        let Ok(Some((Value::Object(ObjType::Map), map))) = self.document.automerge.get(ROOT, field) else { return };
        for key in self.document.automerge.keys(&map) {
            if let Ok(Some((Value::Object(ObjType::Map | ObjType::List | ObjType::Table), _))) =
                self.document.automerge.get(&map, key.as_str())
            {
                let name = format!("{field}[{key}]");
                self.place(&map, Prop::Map(key), name, 1);
            }
        }
    }

    fn place(&mut self, object: &ObjId, at: Prop, name: String, depth: usize) {
        let values = self.document.automerge.get_all(object, at).unwrap_or_default();
        let mut leaves = Vec::new();
        for (value, id) in values.into_iter().rev() {
            if self.found.len() >= PLACES_MAX {
                return;
            }
            match value {
                Value::Object(ObjType::Text) => {
                    let text = self.document.automerge.text(&id).unwrap_or_default();
                    leaves.extend(self.leaf(Scalar::Text(text), &id));
                }
                Value::Object(form) if depth < DEPTH_MAX => self.inside(form, &id, &name, depth + 1),
                Value::Object(_) => leaves.extend(self.leaf("(more, too deep to show)".into(), &id)),
                Value::Scalar(scalar) => leaves.extend(self.leaf(shown(&scalar), &id)),
            }
        }
        let mut leaves = leaves.into_iter();
        if let Some(winner) = leaves.next() {
            let others = leaves.filter(|other| other.value != winner.value).collect();
            self.found.push(PlaceReport { place: name, shown: winner, others });
        }
    }

    fn inside(&mut self, form: ObjType, id: &ObjId, name: &str, depth: usize) {
        if form == ObjType::List {
            let length = self.document.automerge.length(id).min(PLACES_MAX);
            (0..length).for_each(|at| self.place(id, Prop::Seq(at), format!("{name}[{at}]"), depth));
            return;
        }
        for key in self.document.automerge.keys(id).take(PLACES_MAX) {
            let name = format!("{name}[{key}]");
            self.place(id, Prop::Map(key), name, depth);
        }
    }

    fn leaf(&self, value: Scalar, id: &ObjId) -> Option<ValueReport> {
        let change = own(self.document.automerge.hash_for_opid(id)?);
        let ObjId::Id(_, actor, _) = id else { return None };
        let device = Actor::from_bytes(actor.to_bytes()).ok().and_then(|actor| actor.device());
        Some(ValueReport { value, change, actor: to_hex(actor.to_bytes()), device })
    }
}

/// Every kind of scalar, also those that no field of this version holds.
fn shown(scalar: &ScalarValue) -> Scalar {
    match scalar {
        ScalarValue::Str(text) => Scalar::Text(text.to_string()),
        ScalarValue::Int(number) | ScalarValue::Timestamp(number) => Scalar::Whole(*number),
        ScalarValue::Counter(counter) => Scalar::Whole(i64::from(counter)),
        ScalarValue::Boolean(flag) => Scalar::Flag(*flag),
        ScalarValue::Bytes(bytes) | ScalarValue::Unknown { bytes, .. } => {
            let more = if bytes.len() > BYTES_SHOWN { "…" } else { "" };
            let start = to_hex(&bytes[..bytes.len().min(BYTES_SHOWN)]);
            Scalar::Text(format!("{} bytes: {start}{more}", bytes.len()))
        }
        ScalarValue::Null => "null".into(),
        ScalarValue::Uint(_) | ScalarValue::F64(_) => Scalar::Text(scalar.to_string()),
    }
}
