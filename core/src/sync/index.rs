//! What a relay knows of a document without opening it.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use crate::error::{Cause, Refusal};
use crate::gate::Header;
use crate::id::{Actor, ChangeHash};
use crate::limits::{DOCUMENT_ACTORS_MAX, DOCUMENT_HEADS_MAX, DOCUMENT_OPS_MAX, INDEX_RECENT_HASHES_MAX};
use crate::record::{Kind, genesis};
use crate::wire::{self, HeadsDigest};

/// Where a change stands in the log, and the greatest operation that it brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Place {
    /// The change's place in the log.
    #[n(0)]
    pub seq: u64,
    /// The number of its last operation.
    #[n(1)]
    pub max_op: u64,
}

/// The headers of a document's changes, reduced to what the gate asks: is a change here and where, which numbers of an
/// actor are taken, and the greatest operation of each change.
///
/// Only the youngest [`INDEX_RECENT_HASHES_MAX`] changes stay in the index, since nearly every change follows one of them;
/// [`DocumentIndex::spill`] hands the others to a table that is kept beside it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DocumentIndex {
    kind: Option<Kind>,
    count: u64,
    last_seqs: BTreeMap<Actor, u64>,
    /// In the order of their places.
    recent: Vec<(ChangeHash, Place)>,
    /// The changes that no other depends on, in the order of their places.
    heads: Vec<ChangeHash>,
    max_op: u64,
}

/// What an index was before a change was appended, so far as that cannot be told from the index afterwards.
#[derive(Debug)]
pub(super) struct Before {
    heads: Vec<ChangeHash>,
    max_op: u64,
}

/// Why stored bytes are no index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the index of a document cannot be read: {0}")]
pub struct BadIndex(String);

impl DocumentIndex {
    /// The kind of the record, once its first change is there.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        self.kind
    }

    /// How many changes the document has.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether the document has no change yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The greatest number of an operation; zero where there is none.
    #[must_use]
    pub fn max_op(&self) -> u64 {
        self.max_op
    }

    /// The last sequence number of `actor`; zero where it has made no change.
    #[must_use]
    pub fn last_seq(&self, actor: &Actor) -> u64 {
        self.last_seqs.get(actor).copied().unwrap_or(0)
    }

    /// The place of a recent change. One that is not recent may still be among the spilled ones.
    #[must_use]
    pub fn recent(&self, hash: ChangeHash) -> Option<Place> {
        self.recent.iter().rev().find(|(other, _)| *other == hash).map(|(_, place)| *place)
    }

    /// Whether there are changes that only the table of spilled ones knows.
    #[must_use]
    pub fn has_spilled(&self) -> bool {
        self.count > self.recent.len() as u64
    }

    /// How many changes only the table of spilled ones knows.
    #[must_use]
    pub fn spilled_count(&self) -> u64 {
        self.count.saturating_sub(self.recent.len() as u64)
    }

    /// What stands for the document's heads.
    #[must_use]
    pub fn digest(&self) -> HeadsDigest {
        HeadsDigest::of(&self.heads)
    }

    /// The places of the changes that are not spilled, in the order of the log.
    pub fn recent_seqs(&self) -> impl Iterator<Item = u64> + '_ {
        self.recent.iter().map(|(_, place)| place.seq)
    }

    /// Whether the index has room for one more change.
    ///
    /// # Errors
    /// [`Cause::TooLarge`] beyond [`DOCUMENT_ACTORS_MAX`] and [`DOCUMENT_HEADS_MAX`].
    pub(super) fn has_room(&self, header: &Header) -> Result<(), Refusal> {
        if self.last_seqs.len() >= DOCUMENT_ACTORS_MAX && !self.last_seqs.contains_key(&header.actor) {
            let detail =
                format!("the record has been written by {DOCUMENT_ACTORS_MAX} actors, and no more are allowed");
            return Err(Refusal::new(Cause::TooLarge, detail));
        }
        if self.heads.len() >= DOCUMENT_HEADS_MAX && !header.deps.iter().any(|dep| self.heads.contains(dep)) {
            let detail = format!("the record has {DOCUMENT_HEADS_MAX} versions side by side, and no more are allowed");
            return Err(Refusal::new(Cause::TooLarge, detail));
        }
        Ok(())
    }

    /// Takes in a change that the gate admitted, at its place in the log, and answers what [`Self::take_back`] needs.
    pub(super) fn append(&mut self, header: &Header, seq: u64) -> Before {
        let before = Before { heads: self.heads.clone(), max_op: self.max_op };
        self.max_op = self.max_op.max(header.max_op());
        self.heads.retain(|head| !header.deps.contains(head));
        self.heads.push(header.hash);
        self.kind = self.kind.or_else(|| genesis::kind_of(header.hash));
        self.count += 1;
        self.last_seqs.insert(header.actor.clone(), header.seq);
        self.recent.push((header.hash, Place { seq, max_op: header.max_op() }));
        before
    }

    /// Takes back the last [`DocumentIndex::append`], which must not have been spilled yet and which answered `before`.
    pub(super) fn take_back(&mut self, header: &Header, before: Before) {
        (self.heads, self.max_op) = (before.heads, before.max_op);
        self.recent.pop();
        self.count -= 1;
        if self.is_empty() {
            self.kind = None;
        }
        match header.seq {
            1 => self.last_seqs.remove(&header.actor),
            seq => self.last_seqs.insert(header.actor.clone(), seq - 1),
        };
    }

    /// Takes out the changes that are too many to stay, oldest first.
    pub fn spill(&mut self) -> impl Iterator<Item = (ChangeHash, Place)> + '_ {
        let surplus = self.recent.len().saturating_sub(INDEX_RECENT_HASHES_MAX);
        self.recent.drain(..surplus)
    }

    /// The index as bytes: kind, count, actors with their last numbers, recent changes, heads, greatest operation.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(&Row {
            kind: self.kind,
            count: self.count,
            last_seqs: self.last_seqs.iter().map(|(actor, seq)| (actor.as_bytes().to_vec().into(), *seq)).collect(),
            recent: self.recent.clone(),
            heads: self.heads.clone(),
            max_op: Some(self.max_op),
        })
    }

    /// Reads what [`DocumentIndex::encode`] wrote.
    ///
    /// # Errors
    /// [`BadIndex`] where the bytes are anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadIndex> {
        let row: Row = wire::decode(bytes, "index").map_err(|refusal| BadIndex(refusal.detail))?;
        let last_seqs = row.last_seqs.iter().map(|(actor, seq)| Ok((Actor::from_bytes(actor)?, *seq)));
        let last_seqs: BTreeMap<_, _> =
            last_seqs.collect::<Result<_, crate::id::BadId>>().map_err(|error| BadIndex(error.to_string()))?;
        let bad = |what: &str| Err(BadIndex(what.to_owned()));
        if last_seqs.len() != row.last_seqs.len() {
            return bad("an actor stands there twice");
        }
        if last_seqs.values().try_fold(0, |sum: u64, seq| sum.checked_add(*seq)) != Some(row.count) {
            return bad("the actors' numbers do not add up to the number of changes");
        }
        if !row.recent.windows(2).all(|pair| pair[0].1.seq < pair[1].1.seq) {
            return bad("its changes are not in the order of the log");
        }
        if row.recent.iter().map(|(_, place)| place.max_op).chain(row.max_op).any(|op| op > DOCUMENT_OPS_MAX)
            || row.recent.len() as u64 > row.count
        {
            return bad("a number is beyond its bound");
        }
        if row.kind.is_none() != (row.count == 0) {
            return bad("the kind of the record is missing");
        }
        if row.heads.is_empty() != (row.count == 0) || row.heads.len() > DOCUMENT_HEADS_MAX {
            return bad("it has no heads, or too many");
        }
        // A row that an earlier version wrote does not say it. What is nearly always a head's stands among the recent ones.
        let max_op = row.max_op.or_else(|| row.recent.iter().map(|(_, place)| place.max_op).max()).unwrap_or(0);
        Ok(Self { kind: row.kind, count: row.count, last_seqs, recent: row.recent, heads: row.heads, max_op })
    }
}

/// The stored form.
#[derive(Encode, Decode)]
struct Row {
    #[n(0)]
    kind: Option<Kind>,
    #[n(1)]
    count: u64,
    #[n(2)]
    last_seqs: Vec<(minicbor::bytes::ByteVec, u64)>,
    #[n(3)]
    recent: Vec<(ChangeHash, Place)>,
    #[n(4)]
    heads: Vec<ChangeHash>,
    #[n(5)]
    max_op: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(actor: u8, seq: u64) -> Header {
        Header {
            hash: ChangeHash([actor ^ u8::try_from(seq).expect("a small number"); 32]),
            deps: Vec::new(),
            actor: Actor::from_bytes(&[actor; 20]).expect("an actor"),
            seq,
            start_op: seq,
            ops: 1,
            time: crate::time::Timestamp(0),
            message: None,
        }
    }

    fn index() -> DocumentIndex {
        let mut index = DocumentIndex::default();
        let genesis = crate::gate::check(genesis::bytes(Kind::Task)).expect("a constant").header;
        index.append(&genesis, 7);
        index.append(&header(1, 1), 8);
        index.append(&header(1, 2), 11);
        index
    }

    #[test]
    fn an_index_reads_back_and_no_damage_of_it_panics() {
        let bytes = index().encode();
        assert_eq!(DocumentIndex::decode(&bytes), Ok(index()));
        for at in 0..bytes.len() {
            assert!(DocumentIndex::decode(&bytes[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let _ = DocumentIndex::decode(&damaged);
            }
        }
    }

    /// Relays of the first formats wrote five fields.
    #[test]
    fn an_index_that_does_not_say_its_greatest_operation_reads_as_what_its_changes_say() {
        let mut row: Row = wire::decode(&index().encode(), "index").expect("an index");
        row.max_op = None;
        assert_eq!(DocumentIndex::decode(&wire::encode(&row)), Ok(index()));
    }

    #[test]
    fn what_is_taken_back_was_never_there() {
        let mut changed = index();
        let first = changed.append(&header(2, 1), 12);
        let second = changed.append(&header(1, 3), 13);
        changed.take_back(&header(1, 3), second);
        changed.take_back(&header(2, 1), first);
        assert_eq!(changed, index());
    }

    #[test]
    fn a_change_takes_the_place_of_the_heads_that_it_follows() {
        let mut index = index();
        let both = [header(1, 1).hash, header(1, 2).hash];
        let genesis = genesis::hash(Kind::Task);
        assert_eq!(index.digest(), HeadsDigest::of(&[genesis, both[0], both[1]]));
        let joining = Header { deps: vec![both[0], both[1], genesis], ..header(2, 1) };
        index.append(&joining, 12);
        assert_eq!(index.digest(), HeadsDigest::of(&[joining.hash]));
    }

    #[test]
    fn an_index_takes_a_bounded_number_of_actors_and_heads() {
        let mut index = index();
        let actor = |n: usize| Header {
            hash: ChangeHash(std::array::from_fn(|at| n.to_le_bytes()[at % 4])),
            deps: vec![genesis::hash(Kind::Task)],
            actor: Actor::from_bytes(&n.to_be_bytes()).expect("an actor"),
            ..header(9, 1)
        };
        let mut taken = 0;
        while index.has_room(&actor(taken)).is_ok() {
            index.append(&actor(taken), 100 + taken as u64);
            taken += 1;
            assert!(taken <= DOCUMENT_HEADS_MAX, "as many heads as there may be");
        }
        let joins = Header { deps: vec![actor(0).hash], ..actor(taken) };
        assert_eq!(index.has_room(&joins), Ok(()), "a change that follows a head is always welcome");
    }
}
