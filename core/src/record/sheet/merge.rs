use std::collections::{BTreeMap, BTreeSet};

use super::read::Written;
use super::{Sheet, SheetError, TRACKING};
use crate::id::{Actor, DeviceId};
use crate::record::assignment::is_moment;
use crate::record::read::{Entry, Scalar, place_of};
use crate::record::schema::{self, Field, Form};
use crate::record::{Content, Document, Edit, text};
use crate::time::Timestamp;

/// What a sheet comes to beside what others wrote meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merged {
    /// What to write.
    pub edits: Vec<Edit>,
    /// What both changed, and differently. Nothing should be written while there is any.
    pub conflicts: Vec<SheetConflict>,
}

/// A place that the person and somebody else changed, and differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetConflict {
    /// The field, or `field[item]`, or `field[item].member`.
    pub place: String,
    /// The line of the sheet, from 1.
    pub line: usize,
    /// What the person wrote; `None` where it was emptied.
    pub mine: Option<Scalar>,
    /// What shows meanwhile; `None` where it was emptied.
    pub theirs: Option<Scalar>,
}

type Values = BTreeMap<Option<String>, Scalar>;

impl Sheet {
    /// Finds what the person changed since `base` and writes it onto `now`. Where both changed the same place, `insists`
    /// says that the person's value counts.
    ///
    /// # Errors
    /// What cannot be written, with its lines.
    pub fn merge(&self, base: &Document, now: &Document, insists: bool) -> Result<Merged, Vec<SheetError>> {
        let mut merging = Merging {
            is_whole: self.base.is_some(),
            insists,
            trial: now.clone(),
            merged: Merged::default(),
            errors: Vec::new(),
        };
        let (base, now) = (base.content(), now.content());
        for field in schema::fields(self.kind).filter(|field| field.name != TRACKING) {
            if let Form::Entries(_) = field.form {
                merging.entries(field, self.entries.get(field.name), &base, &now);
            } else {
                merging.scalar(field, self.fields.get(field.name), &base, &now);
            }
        }
        if merging.errors.is_empty() { Ok(merging.merged) } else { Err(merging.errors) }
    }
}

struct Merging {
    /// Whether what the sheet does not hold was taken away.
    is_whole: bool,
    insists: bool,
    /// Every edit is tried here first.
    trial: Document,
    merged: Merged,
    errors: Vec<SheetError>,
}

impl Merging {
    fn scalar(&mut self, field: &Field, written: Option<&(usize, Scalar)>, base: &Content, now: &Content) {
        if written.is_none() && !self.is_whole {
            return;
        }
        let line = written.map_or(1, |(line, _)| *line);
        let mine = written.map(|(_, value)| value.clone()).filter(|value| *value != Scalar::from(""));
        let (base, now) = (base.fields.get(field.name), now.fields.get(field.name));
        if mine.as_ref() == base || mine.as_ref() == now {
            return;
        }
        if let (Form::Moment, Some(Scalar::Text(text))) = (field.form, &mine)
            && !is_moment(text)
        {
            let message = format!(
                "“{}” takes a date or time such as 2026-11-22, 2026-11-22T18:30 or 2026-11-22T18:30[Europe/Berlin]",
                field.name
            );
            return self.errors.push(SheetError { line: Some(line), message });
        }
        let edit = match mine.clone() {
            Some(Scalar::Text(mine)) if field.form == Form::Notes => {
                let text = |value: Option<&Scalar>| value.map(ToString::to_string).unwrap_or_default();
                Edit::Set(field.name.into(), text::merge(&text(base), &mine, &text(now)).into())
            }
            _ if now != base && !self.insists => {
                return self.conflict(field.name.into(), line, mine, now.cloned());
            }
            Some(value) => Edit::Set(field.name.into(), value),
            None => Edit::Clear(field.name.into()),
        };
        self.make(line, edit);
    }

    fn entries(
        &mut self,
        field: &Field,
        written: Option<&(usize, BTreeMap<String, Written>)>,
        base: &Content,
        now: &Content,
    ) {
        if written.is_none() && !self.is_whole {
            return;
        }
        let (none, empty) = (BTreeMap::new(), BTreeMap::new());
        let (line, mine) = written.map_or((1, &none), |(line, items)| (*line, items));
        let of = |content: &Content| content.entries.get(field.name).unwrap_or(&empty).clone();
        let (base, now) = (of(base), of(now));
        let items: BTreeSet<_> = mine.keys().chain(base.keys().filter(|_| self.is_whole)).collect();
        for item in items {
            let (then, is) = (base.get(item).map(values), now.get(item).map(values));
            match mine.get(item) {
                Some(written) => self.item(field, item, written, then.as_ref(), is.as_ref()),
                None => self.removal(field, item, line, then, is),
            }
        }
    }

    fn removal(&mut self, field: &Field, item: &str, line: usize, base: Option<Values>, now: Option<Values>) {
        let Some(shows) = &now else { return };
        if now != base && !self.insists {
            let theirs = shows.get(&None).cloned();
            return self.conflict(place_of(field.name, item, None), line, None, theirs);
        }
        self.make(line, Edit::Remove { field: field.name.into(), item: item.into() });
    }

    fn item(&mut self, field: &Field, item: &str, written: &Written, base: Option<&Values>, now: Option<&Values>) {
        let nothing = Values::new();
        let then = base.unwrap_or(&nothing);
        let mut keys: BTreeSet<&Option<String>> = written.values.keys().collect();
        if self.is_whole {
            keys.extend(then.keys());
        }
        // An entry is written as it is called where nothing else is said; what is known of it and emptied goes.
        let meant = |key: &Option<String>, value: &Scalar| match key {
            _ if *value != Scalar::from("") => Some(value.clone()),
            None => Some(item.into()),
            Some(_) => None,
        };
        let changed: Vec<_> = keys
            .into_iter()
            .map(|key| (key, written.values.get(key), then.get(key)))
            .filter(|(_, mine, then)| mine != then)
            .map(|(key, mine, then)| (key, mine.and_then(|mine| meant(key, mine)), then))
            .collect();
        if base.is_some() && now.is_none() && !changed.is_empty() && !self.insists {
            let mine = written.values.get(&None).cloned();
            return self.conflict(place_of(field.name, item, None), written.line, mine, None);
        }
        for (key, mine, then) in changed {
            let shows = now.and_then(|now| now.get(key));
            if mine.as_ref() == shows {
                continue;
            }
            if shows != then && !self.insists {
                self.conflict(place_of(field.name, item, key.as_deref()), written.line, mine, shows.cloned());
                continue;
            }
            let (field, item, member) = (field.name.to_owned(), item.to_owned(), key.clone());
            self.make(
                written.line,
                match mine {
                    Some(value) => Edit::Put { field, item, member, value },
                    None => Edit::Forget { field, item, member },
                },
            );
        }
    }

    fn conflict(&mut self, place: String, line: usize, mine: Option<Scalar>, theirs: Option<Scalar>) {
        self.merged.conflicts.push(SheetConflict { place, line, mine, theirs });
    }

    fn make(&mut self, line: usize, edit: Edit) {
        let nobody = Actor::of_device(DeviceId::from_bytes([0; 16]), [0; 4]);
        match self.trial.edit(std::slice::from_ref(&edit), &nobody, Timestamp(0)) {
            Ok(_) => self.merged.edits.push(edit),
            Err(error) => self.errors.push(SheetError { line: Some(line), message: error.to_string() }),
        }
    }
}

fn values(entry: &Entry) -> Values {
    let members = entry.members.iter().map(|(name, value)| (Some(name.clone()), value.clone()));
    entry.value.iter().map(|value| (None, value.clone())).chain(members).collect()
}
