//! Saves of this device that another one could not apply: its receipts except them. They are told, and made again.

use std::collections::HashSet;
use std::time::Duration;

use minicbor::{Decode, Encode};
use redb::ReadableTable;
use regard_core::gate::{self, Again};
use regard_core::id::{ChangeHash, DeviceId, DocumentId, Entropy, EpochId, UnitId};
use regard_core::limits::{COMPLAINTS_MAX, REDONE_MAX, REMAKE_PATIENCE, SAVES_LOOKED_AT_MAX};
use regard_core::time::Timestamp;
use regard_core::wire::{Peer, PeerApplied, Scope};
use serde::{Deserialize, Serialize};

use super::Store;
use super::documents::{Workbench, document_row};
use super::error::{During, StoreError};
use super::outbox::queue;
use super::tables::{OutboxRow, RECEIPTS, ReceiptRow, Row, SAVES, SETTINGS, SaveRow, VisibleRow};
use super::transaction::Writer;
use super::visibility::{generation, note_save};

const COMPLAINTS_KEY: &str = "complaints";

/// A save of this device that another one set aside.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Complaint {
    /// The save.
    #[n(0)]
    pub save: UnitId,
    /// The device that could not apply it, the first that said so.
    #[n(1)]
    pub device: DeviceId,
    /// Its scope.
    #[n(2)]
    pub scope: Scope,
    /// The log's life.
    #[n(3)]
    pub epoch: EpochId,
    /// The place that was set aside.
    #[n(4)]
    pub seq: u64,
    /// When this device heard of it.
    #[n(5)]
    pub since: Timestamp,
    /// The records that the save changed.
    #[n(6)]
    pub records: Vec<DocumentId>,
    /// How often what it says had been made again before.
    #[n(7)]
    pub redone: u8,
    /// What was made of it.
    #[n(8)]
    pub answer: Answer,
    #[n(9)]
    #[serde(skip)]
    row: u64,
}

/// What was made of a save that another device set aside.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// Nothing yet: what the other device lacks may come.
    #[n(0)]
    Waits,
    /// It was made again.
    #[n(1)]
    MadeAgain {
        /// By this save.
        #[n(0)]
        save: UnitId,
        /// The changes of that one that the other device cannot apply either, and need not.
        #[n(1)]
        #[serde(skip)]
        tidied: Vec<ChangeHash>,
    },
    /// It was not made again, and will not be.
    #[n(2)]
    Left {
        /// Why, as a sentence without a full stop.
        #[n(0)]
        why: String,
    },
}

impl Answer {
    fn tidied(&self) -> &[ChangeHash] {
        match self {
            Self::MadeAgain { tidied, .. } => tidied,
            Self::Waits | Self::Left { .. } => &[],
        }
    }
}

impl Store {
    /// Saves of this device that others set aside, newest first.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn complaints(&self) -> Result<Vec<Complaint>, StoreError> {
        let mut complaints: Vec<Complaint> = self.read_setting(COMPLAINTS_KEY)?.unwrap_or_default();
        complaints.reverse();
        Ok(complaints)
    }

    /// Looks which saves of this device others set aside, by what the relay told of them, before that is kept. Answers those
    /// that are new. What others have applied after all is forgotten.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn hear_complaints(&self, peers: &[Peer], now: Timestamp) -> Result<Vec<Complaint>, StoreError> {
        let known = self.complaints()?;
        let is_of_interest = |peer: &Peer, applied: &PeerApplied| {
            !applied.except.is_empty()
                || known.iter().any(|one| (one.device, one.scope) == (peer.device, applied.scope))
        };
        let told = peers.iter().flat_map(|peer| peer.applied.iter().map(move |applied| (peer, applied)));
        let told: Vec<_> = told.filter(|(peer, applied)| is_of_interest(peer, applied)).collect();
        if told.is_empty() {
            return Ok(Vec::new());
        }
        self.write(|writer| {
            let before: Vec<Complaint> = SETTINGS.get(&writer.settings, COMPLAINTS_KEY)?.unwrap_or_default();
            let mut complaints = before.clone();
            let mut new = Vec::new();
            for (peer, applied) in told {
                complaints.retain(|one| !is_taken_back(one, peer.device, applied));
                new.extend(self.new_complaints(writer, &mut complaints, peer.device, applied, now)?);
            }
            let old = complaints.len().saturating_sub(COMPLAINTS_MAX);
            complaints.drain(..old);
            if complaints != before {
                SETTINGS.put(&mut writer.settings, COMPLAINTS_KEY, &complaints)?;
            }
            Ok(new)
        })
    }

    fn new_complaints(
        &self,
        writer: &Writer<'_>,
        complaints: &mut Vec<Complaint>,
        device: DeviceId,
        applied: &PeerApplied,
        now: Timestamp,
    ) -> Result<Vec<Complaint>, StoreError> {
        let known = last_receipt(writer, device, applied.scope)?;
        let known = known.filter(|row| row.epoch == applied.epoch).map(|row| row.except).unwrap_or_default();
        let fresh: Vec<u64> = applied.except.iter().copied().filter(|place| !known.contains(place)).collect();
        if fresh.is_empty() {
            return Ok(Vec::new());
        }
        let generation = generation(writer, applied.scope)?;
        let mut new = Vec::new();
        for entry in writer.saves.iter().during("read rows")?.rev().take(SAVES_LOOKED_AT_MAX) {
            let (key, value) = entry.during("read a row")?;
            let save: SaveRow = SAVES.open(&key.value(), value.value())?;
            let is_own = save.author.is_some_and(|author| self.identity().is_own(author));
            let is_here = save.scope == applied.scope
                && save.visible.is_some_and(|at| (at.epoch, at.generation) == (applied.epoch, generation));
            if !is_own || !is_here || complaints.iter().any(|one| one.save == save.unit) {
                continue;
            }
            let parent = complaints.iter().find_map(|one| match &one.answer {
                Answer::MadeAgain { save: again, tidied } if *again == save.unit => Some((one.redone, tidied.clone())),
                _ => None,
            });
            let tidied = parent.as_ref().map(|(_, tidied)| tidied.as_slice()).unwrap_or_default();
            let Some(seq) = first_set_aside(&save, &fresh, tidied) else { continue };
            let records = save.rows().into_iter().map(|row| Ok(document_row(&writer.documents, row)?.id));
            let complaint = Complaint {
                save: save.unit,
                device,
                scope: applied.scope,
                epoch: applied.epoch,
                seq,
                since: now,
                records: records.collect::<Result<_, StoreError>>()?,
                redone: parent.as_ref().map_or(0, |(redone, _)| redone + 1),
                answer: Answer::Waits,
                row: key.value(),
            };
            new.push(complaint);
        }
        // In the order in which they were made: the later ones may follow the others.
        new.reverse();
        complaints.extend(new.iter().cloned());
        Ok(new)
    }

    /// Makes those saves again that others have not applied for long enough. Answers the scopes in which something waits to
    /// be sent now, each with the saves that were made again.
    ///
    /// # Errors
    /// As the disk has it.
    pub fn answer_complaints(&self, now: Timestamp, entropy: &mut dyn Entropy) -> Result<Vec<Complaint>, StoreError> {
        let is_due = |one: &Complaint| one.answer == Answer::Waits && is_over(one.since, REMAKE_PATIENCE, now);
        if !self.complaints()?.iter().any(is_due) {
            return Ok(Vec::new());
        }
        self.write_documents(|writer, bench| {
            let mut complaints: Vec<Complaint> = SETTINGS.get(&writer.settings, COMPLAINTS_KEY)?.unwrap_or_default();
            let tidied: HashSet<ChangeHash> = complaints.iter().flat_map(|one| one.answer.tidied()).copied().collect();
            let mut answered = Vec::new();
            for complaint in complaints.iter_mut().filter(|one| is_due(one)) {
                complaint.answer = if complaint.redone < REDONE_MAX {
                    self.make_again(writer, bench, (complaint, &tidied), (now, entropy))?
                } else {
                    Answer::Left { why: format!("it was made again {REDONE_MAX} times") }
                };
                answered.push(complaint.clone());
            }
            SETTINGS.put(&mut writer.settings, COMPLAINTS_KEY, &complaints)?;
            Ok(answered)
        })
    }

    fn make_again(
        &self,
        writer: &mut Writer<'_>,
        bench: &mut Workbench,
        (complaint, tidied_before): (&Complaint, &HashSet<ChangeHash>),
        (now, entropy): (Timestamp, &mut dyn Entropy),
    ) -> Result<Answer, StoreError> {
        let receipt = last_receipt(writer, complaint.device, complaint.scope)?;
        let except = receipt.filter(|row| row.epoch == complaint.epoch).map(|row| row.except).unwrap_or_default();
        let save: Option<SaveRow> = SAVES.get(&writer.saves, complaint.row)?;
        let save = save.ok_or_else(|| StoreError::damaged(format!("save {} is missing", complaint.row)))?;
        let mut prepared: Vec<(DocumentId, Again)> = Vec::new();
        let actor = self.new_actor(writer, entropy)?;
        for row in save.rows() {
            let id = document_row(&writer.documents, row)?.id;
            let lacking = lacking(writer, row, (complaint.scope, complaint.epoch), &except)?;
            // What only took away text that stood twice says nothing, and follows what is lacking.
            let says = |(of, hash): &&(Row, ChangeHash)| *of == row && !tidied_before.contains(hash);
            let hashes: Vec<_> = save.changes.iter().filter(says).map(|(_, hash)| *hash).collect();
            let open = bench.open(self, writer, id)?.ok_or(StoreError::NoRecord(id))?;
            match gate::again(&open.document, &lacking, &hashes, (&actor, now)) {
                Ok(again) => prepared.extend(again.map(|again| (id, again))),
                Err(refusal) => return Ok(Answer::Left { why: refusal.detail }),
            }
        }
        if prepared.is_empty() {
            return Ok(Answer::Left { why: "nothing of it shows that can be said again".into() });
        }
        let (mut changes, mut tidied) = (Vec::new(), Vec::new());
        for (id, again) in prepared {
            let open = bench.open(self, writer, id)?.ok_or(StoreError::NoRecord(id))?;
            open.document = again.document;
            changes.push(open.append(writer, &again.made)?);
            if let Some(tidy) = again.tidied {
                changes.push(open.append(writer, &tidy)?);
                tidied.push(tidy.hash);
            }
        }
        let (unit, author, scope) = (UnitId::random(entropy), Some(self.identity().device), complaint.scope);
        let noted = changes.iter().map(|change| (change.row, change.hash)).collect();
        let row = SaveRow {
            unit,
            scope,
            author,
            carrier: None,
            saved_at: now,
            visible: None,
            applied_at: now,
            changes: noted,
        };
        let number = note_save(writer, &row)?;
        queue(writer, scope, &OutboxRow::new(unit, author, now, changes, Some(number)))?;
        Ok(Answer::MadeAgain { save: unit, tidied })
    }
}

fn is_over(since: Timestamp, patience: Duration, now: Timestamp) -> bool {
    since.after(patience) <= now
}

/// The device has applied it after all, or lives with another log.
fn is_taken_back(one: &Complaint, device: DeviceId, applied: &PeerApplied) -> bool {
    let is_about = (one.device, one.scope) == (device, applied.scope);
    is_about && one.answer == Answer::Waits && (one.epoch != applied.epoch || !applied.except.contains(&one.seq))
}

/// The first of these places that holds a change of the save which others need.
fn first_set_aside(save: &SaveRow, places: &[u64], not_needed: &[ChangeHash]) -> Option<u64> {
    let changes = changes_at(save, places)?;
    changes.into_iter().find(|(_, _, hash)| !not_needed.contains(hash)).map(|(seq, _, _)| seq)
}

/// The changes of a save that stand at these places of its log. Where the save's places are not told one by one, it is all of
/// them, at the first place that is named.
fn changes_at(save: &SaveRow, places: &[u64]) -> Option<Vec<(u64, Row, ChangeHash)>> {
    let VisibleRow { first_seq, seq, .. } = save.visible?;
    let named: Vec<u64> = places.iter().copied().filter(|place| (first_seq..=seq).contains(place)).collect();
    let first = *named.first()?;
    let in_order = (first_seq..=seq).zip(&save.changes);
    if seq - first_seq + 1 == save.changes.len() as u64 {
        let at = in_order.filter(|(place, _)| named.contains(place));
        return Some(at.map(|(place, (row, hash))| (place, *row, *hash)).collect());
    }
    Some(save.changes.iter().map(|(row, hash)| (first, *row, *hash)).collect())
}

/// The changes of a document that a device could not apply, whoever made them.
fn lacking(
    writer: &Writer<'_>,
    row: Row,
    (scope, epoch): (Scope, EpochId),
    except: &[u64],
) -> Result<HashSet<ChangeHash>, StoreError> {
    let mut lacking = HashSet::new();
    for entry in writer.saves_of.range((row.0, 0)..=(row.0, u64::MAX)).during("read rows")? {
        let number = entry.during("read a row")?.0.value().1;
        let save: Option<SaveRow> = SAVES.get(&writer.saves, number)?;
        let Some(save) =
            save.filter(|save| save.scope == scope && save.visible.is_some_and(|visible| visible.epoch == epoch))
        else {
            continue;
        };
        let at = changes_at(&save, except).unwrap_or_default();
        lacking.extend(at.into_iter().filter(|(_, of, _)| *of == row).map(|(_, _, hash)| hash));
    }
    Ok(lacking)
}

fn last_receipt(writer: &Writer<'_>, device: DeviceId, scope: Scope) -> Result<Option<ReceiptRow>, StoreError> {
    let (device, scope) = (*device.as_bytes(), scope.number());
    let last = writer.receipts.range((device, scope, 0)..=(device, scope, u64::MAX)).during("read rows")?.next_back();
    let last = last.transpose().during("read a row")?;
    last.map(|(key, value)| RECEIPTS.open(&key.value(), value.value())).transpose()
}
