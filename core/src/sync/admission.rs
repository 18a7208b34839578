//! What a relay admits to its log: whole units, by their headers, in the light of the documents' indexes.

use std::cell::RefCell;
use std::collections::HashMap;

use super::index::Before;
use super::{DocumentIndex, Place};
use crate::error::{Cause, Refusal};
use crate::gate::{self, Header, History, Known, Verdict};
use crate::id::{Actor, ChangeHash, DocumentId};
use crate::limits::{UNIT_BYTES_MAX, UNIT_CHANGES_MAX};
use crate::record::Kind;
use crate::wire::Unit;

/// A unit whose changes passed [`gate::check`], each alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedUnit {
    /// The unit; its changes' bytes are inflated.
    pub unit: Unit,
    /// The headers of its changes, in their order.
    pub headers: Vec<Header>,
}

impl CheckedUnit {
    /// The bytes of its changes, inflated.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.unit.changes.iter().map(|change| change.bytes.len()).sum()
    }
}

/// Looks at a unit's bytes alone: its bounds, and each change.
///
/// # Errors
/// The [`Refusal`] of its first bad change, or that of the unit's own bounds.
pub fn check_unit(mut unit: Unit) -> Result<CheckedUnit, Refusal> {
    let count = unit.changes.len();
    if count == 0 {
        return Err(Refusal::new(Cause::Malformed, format!("save {} holds no change", unit.id)));
    }
    if count > UNIT_CHANGES_MAX {
        let detail = format!("save {} has {count} changes, and at most {UNIT_CHANGES_MAX} are allowed", unit.id);
        return Err(Refusal::new(Cause::TooLarge, detail));
    }
    let mut headers = Vec::with_capacity(count);
    let mut bytes = 0;
    for change in &mut unit.changes {
        let checked = gate::check(&change.bytes)?;
        bytes += checked.bytes.len();
        if bytes > UNIT_BYTES_MAX {
            let detail = format!("save {} has more than the {UNIT_BYTES_MAX} bytes that are allowed", unit.id);
            return Err(Refusal::new(Cause::TooLarge, detail));
        }
        change.bytes = checked.bytes;
        headers.push(checked.header);
    }
    Ok(CheckedUnit { unit, headers })
}

/// A change's place, and what its document's index was before it; `None` where it did not grow.
type PlacedBehind = (Placed, Option<Before>);

/// Where an [`Admission`] finds what is stored.
pub trait IndexSource {
    /// Why it could not be read.
    type Error;

    /// The stored index of a document; an empty one where there is none.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn load(&mut self, document: DocumentId) -> Result<DocumentIndex, Self::Error>;

    /// The place of a change that was spilled from the document's index.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn spilled(&self, document: DocumentId, hash: ChangeHash) -> Result<Option<Place>, Self::Error>;
}

/// What became of one change of an admitted unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// It is new and gets this place.
    New(u64),
    /// It stands at this place already.
    Duplicate(u64),
}

impl Placed {
    /// The change's place in the log.
    #[must_use]
    pub fn seq(self) -> u64 {
        match self {
            Self::New(seq) | Self::Duplicate(seq) => seq,
        }
    }
}

/// What is admitted to one log in one commit: indexes as they will be once it is durable. Nothing of it may be shown
/// before, and where the commit fails all of it is dropped.
#[derive(Debug)]
pub struct Admission {
    head: u64,
    touched: HashMap<DocumentId, Touched>,
    spilled: HashMap<(DocumentId, ChangeHash), Place>,
}

#[derive(Debug)]
struct Touched {
    index: DocumentIndex,
    /// How many changes the stored index has: an index that did not grow need not be stored.
    stored_count: u64,
}

impl Admission {
    /// Begins behind the last change of a log.
    #[must_use]
    pub fn new(head: u64) -> Self {
        Self { head, touched: HashMap::new(), spilled: HashMap::new() }
    }

    /// The place of the last change admitted so far.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.head
    }

    /// The kind of a record that a unit was admitted for; `None` for one that was not asked about.
    #[must_use]
    pub fn kind(&self, document: DocumentId) -> Option<Kind> {
        self.touched.get(&document).and_then(|touched| touched.index.kind())
    }

    /// Admits a whole unit or none of it, and answers the places of its changes in their order. `may_bring` judges each of its
    /// changes that the log does not have yet; `approve` judges the whole once it is known which are new, for example by what
    /// they would take up.
    ///
    /// # Errors
    /// The outer error is the source's; the inner one is the unit's refusal, which leaves everything as it was.
    pub fn admit<S: IndexSource>(
        &mut self,
        headers: &[(DocumentId, &Header)],
        may_bring: &dyn Fn(&Header) -> Result<(), Refusal>,
        approve: impl FnOnce(&[Placed]) -> Result<(), Refusal>,
        source: &mut S,
    ) -> Result<Result<Vec<Placed>, Refusal>, S::Error> {
        let head = self.head;
        let mut placed = Vec::with_capacity(headers.len());
        let mut befores = Vec::with_capacity(headers.len());
        for (document, header) in headers {
            match self.admit_one(*document, header, may_bring, source) {
                Ok(Ok((place, before))) => {
                    placed.push(place);
                    befores.push(before);
                }
                Ok(Err(refusal)) => {
                    self.take_back(headers, &placed, befores, head);
                    return Ok(Err(refusal));
                }
                Err(error) => {
                    self.take_back(headers, &placed, befores, head);
                    return Err(error);
                }
            }
        }
        if let Err(refusal) = approve(&placed) {
            self.take_back(headers, &placed, befores, head);
            return Ok(Err(refusal));
        }
        for (document, _) in headers {
            if let Some(touched) = self.touched.get_mut(document) {
                self.spilled.extend(touched.index.spill().map(|(hash, place)| ((*document, hash), place)));
            }
        }
        Ok(Ok(placed))
    }

    /// The indexes that grew, and the changes that no longer have room in them. The rest were only read.
    #[must_use]
    pub fn into_indexes(self) -> AdmittedIndexes {
        let mut admitted =
            AdmittedIndexes { grown: Vec::new(), read: Vec::new(), spilled: self.spilled.into_iter().collect() };
        for (document, touched) in self.touched {
            let grew = touched.index.count() > touched.stored_count;
            let to = if grew { &mut admitted.grown } else { &mut admitted.read };
            to.push((document, touched.index));
        }
        admitted
    }

    fn admit_one<S: IndexSource>(
        &mut self,
        document: DocumentId,
        header: &Header,
        may_bring: &dyn Fn(&Header) -> Result<(), Refusal>,
        source: &mut S,
    ) -> Result<Result<PlacedBehind, Refusal>, S::Error> {
        let touched = match self.touched.entry(document) {
            std::collections::hash_map::Entry::Occupied(there) => there.into_mut(),
            std::collections::hash_map::Entry::Vacant(free) => {
                let index = source.load(document)?;
                free.insert(Touched { stored_count: index.count(), index })
            }
        };
        let lookup = Lookup {
            document,
            header,
            index: &touched.index,
            spilled: &self.spilled,
            source: &*source,
            failure: RefCell::new(None),
        };
        let verdict = gate::admit(header, &lookup);
        let place = lookup.place(header.hash);
        if let Some(error) = lookup.failure.into_inner() {
            return Err(error);
        }
        Ok(match (verdict, place) {
            (Err(refusal), _) => Err(refusal),
            (Ok(Verdict::Duplicate), Some(place)) => Ok((Placed::Duplicate(place.seq), None)),
            (Ok(_), _) => may_bring(header).and_then(|()| touched.index.has_room(header)).map(|()| {
                self.head += 1;
                (Placed::New(self.head), Some(touched.index.append(header, self.head)))
            }),
        })
    }

    fn take_back(
        &mut self,
        headers: &[(DocumentId, &Header)],
        placed: &[Placed],
        befores: Vec<Option<Before>>,
        head: u64,
    ) {
        for (((document, header), placed), before) in headers.iter().zip(placed).zip(befores).rev() {
            if let (Placed::New(_), Some(touched), Some(before)) = (placed, self.touched.get_mut(document), before) {
                touched.index.take_back(header, before);
            }
        }
        self.head = head;
    }
}

/// What a commit has to store beside the log itself.
#[derive(Debug)]
pub struct AdmittedIndexes {
    /// Indexes with changes that are not stored yet.
    pub grown: Vec<(DocumentId, DocumentIndex)>,
    /// Indexes that are as they are stored.
    pub read: Vec<(DocumentId, DocumentIndex)>,
    /// Changes that were spilled.
    pub spilled: Vec<((DocumentId, ChangeHash), Place)>,
}

/// A document's history for one question of the gate: the index, what this commit spilled, and what is stored.
struct Lookup<'a, S: IndexSource> {
    document: DocumentId,
    header: &'a Header,
    index: &'a DocumentIndex,
    spilled: &'a HashMap<(DocumentId, ChangeHash), Place>,
    source: &'a S,
    /// The gate's questions have no place for an error, so the first one waits here.
    failure: RefCell<Option<S::Error>>,
}

impl<S: IndexSource> Lookup<'_, S> {
    fn place(&self, hash: ChangeHash) -> Option<Place> {
        // An actor's numbers have no gaps, so one beyond the last is new for certain, and the tables need not be asked.
        let is_certainly_new = hash == self.header.hash && self.header.seq > self.index.last_seq(&self.header.actor);
        if is_certainly_new {
            return None;
        }
        let near = self.index.recent(hash).or_else(|| self.spilled.get(&(self.document, hash)).copied());
        if near.is_some() || !self.index.has_spilled() || self.failure.borrow().is_some() {
            return near;
        }
        self.source.spilled(self.document, hash).unwrap_or_else(|error| {
            self.failure.replace(Some(error));
            None
        })
    }
}

impl<S: IndexSource> History for Lookup<'_, S> {
    fn known(&self, hash: ChangeHash) -> Option<Known> {
        self.place(hash).map(|place| Known { max_op: place.max_op })
    }

    fn last_seq(&self, actor: &Actor) -> Option<u64> {
        Some(self.index.last_seq(actor))
    }

    fn max_op(&self) -> u64 {
        self.index.max_op()
    }

    fn is_empty(&self) -> bool {
        self.index.is_empty()
    }
}
