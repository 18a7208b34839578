use super::Header;
use crate::error::{Cause, Refusal};
use crate::id::{Actor, ChangeHash};
use crate::limits::OPS_AHEAD_MAX;
use crate::record::{Document, genesis};

/// What is known of one change of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The number of its last operation.
    pub max_op: u64,
}

/// What [`admit`] asks of a document. The relay answers from its index, a client from the document itself.
pub trait History {
    /// The change with this hash, where it is in the document.
    fn known(&self, hash: ChangeHash) -> Option<Known>;
    /// The actor's last sequence number; zero for a new actor, `None` where the answer is left to Automerge.
    fn last_seq(&self, actor: &Actor) -> Option<u64>;
    /// The greatest number of an operation in the document; zero where it holds no change.
    fn max_op(&self) -> u64;
    /// Whether the document holds no change at all.
    fn is_empty(&self) -> bool;
}

/// What becomes of a change that is not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is new and may be appended.
    New,
    /// Exactly this change is there already.
    Duplicate,
}

/// Looks at a change in the light of what is known of its document.
///
/// # Errors
/// A [`Refusal`]: a dependency is missing, a number is taken or out of order, or the document would not be a record.
pub fn admit(header: &Header, history: &impl History) -> Result<Verdict, Refusal> {
    if history.known(header.hash).is_some() {
        return Ok(Verdict::Duplicate);
    }
    first_changes(header, history)?;
    for dep in &header.deps {
        let known = history.known(*dep).ok_or_else(|| missing(*dep))?;
        if header.start_op <= known.max_op {
            let detail = format!("operation {} was numbered before operations that it follows", header.start_op);
            return Err(Refusal::new(Cause::OutOfOrder, detail));
        }
    }
    not_far_ahead(header, history.max_op())?;
    match history.last_seq(&header.actor) {
        Some(last) if header.seq <= last => Err(Refusal::new(
            Cause::SequenceTaken,
            format!("number {} of actor {} is taken by another change", header.seq, header.actor),
        )),
        Some(last) if header.seq != last + 1 => Err(Refusal::new(
            Cause::OutOfOrder,
            format!("number {} of actor {} does not follow number {last}", header.seq, header.actor),
        )),
        _ => Ok(Verdict::New),
    }
}

/// Operation numbers are used up: one change that left out most of them would be the record's last.
pub(super) fn not_far_ahead(header: &Header, max_op: u64) -> Result<(), Refusal> {
    if header.start_op <= max_op.saturating_add(OPS_AHEAD_MAX) {
        return Ok(());
    }
    let detail = format!(
        "operation {} leaves out more than {OPS_AHEAD_MAX} numbers behind {max_op}, the last of its record",
        header.start_op
    );
    Err(Refusal::new(Cause::OutOfOrder, detail))
}

/// A record begins with one of the frozen constants, and their actors bring nothing else.
fn first_changes(header: &Header, history: &impl History) -> Result<(), Refusal> {
    let is_genesis = genesis::kind_of(header.hash).is_some();
    if genesis::kind_of_actor(header.actor.as_bytes()).is_some() && !is_genesis {
        return Err(Refusal::new(Cause::NotARecord, "the change claims to be a record's first one and is not"));
    }
    match (history.is_empty(), is_genesis) {
        (true, true) | (false, false) if is_genesis || !header.deps.is_empty() => Ok(()),
        (false, true) => {
            Err(Refusal::new(Cause::NotARecord, "the record already begins with another kind's first change"))
        }
        (false, false) => Err(Refusal::new(Cause::NotARecord, "the change follows nothing, and the record has begun")),
        (true, _) if header.deps.is_empty() => {
            Err(Refusal::new(Cause::NotARecord, "the document does not begin with the first change of a record"))
        }
        (true, _) => Err(missing(header.deps[0])),
    }
}

fn missing(dep: ChangeHash) -> Refusal {
    Refusal::new(Cause::MissingDependency, format!("change {dep}, which it follows, is not here"))
}

impl History for Document {
    fn known(&self, hash: ChangeHash) -> Option<Known> {
        let change = self.automerge.get_change_meta_by_hash(&automerge::ChangeHash(hash.0))?;
        Some(Known { max_op: change.max_op })
    }

    fn last_seq(&self, _: &Actor) -> Option<u64> {
        None
    }

    fn max_op(&self) -> u64 {
        // A change's numbers are greater than those of all that it follows, so the greatest is a head's.
        let heads = self.automerge.get_heads();
        let metas = heads.iter().filter_map(|head| self.automerge.get_change_meta_by_hash(head));
        metas.map(|change| change.max_op).max().unwrap_or(0)
    }

    fn is_empty(&self) -> bool {
        false
    }
}
