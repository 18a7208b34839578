use std::collections::HashSet;

use super::bytes::Bytes;
use super::columns;
use crate::error::{Cause, Refusal};
use crate::id::{Actor, ChangeHash};
use crate::limits::{
    ACTOR_BYTES_MAX, CHANGE_ACTORS_MAX, CHANGE_COLUMNS_MAX, CHANGE_DEPS_MAX, DOCUMENT_OPS_MAX, MESSAGE_BYTES_MAX,
    TIME_SECONDS_MAX,
};
use crate::time::Timestamp;

/// What a change says of itself. All logic of log, gate and visibility works on this and never on the operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// SHA-256 of the change.
    pub hash: ChangeHash,
    /// The changes that it directly follows.
    pub deps: Vec<ChangeHash>,
    /// Who numbers it.
    pub actor: Actor,
    /// Its number among the actor's changes of this document, from 1.
    pub seq: u64,
    /// The number of its first operation in the document.
    pub start_op: u64,
    /// How many operations it has.
    pub ops: u64,
    /// When it was made, as it claims.
    pub time: Timestamp,
    /// Its message, if it has one.
    pub message: Option<String>,
}

impl Header {
    /// The number of its last operation; that of the one before its first where it has none.
    #[must_use]
    pub fn max_op(&self) -> u64 {
        self.start_op + self.ops - 1
    }
}

/// Parses the body of a change chunk (<https://automerge.org/automerge-binary-format-spec/>, "Change Chunk").
pub(super) fn parse(hash: ChangeHash, data: &[u8]) -> Result<Header, Refusal> {
    let mut bytes = Bytes::new(data);
    let deps = bytes.bounded(CHANGE_DEPS_MAX, "number of dependencies")?;
    let deps = (0..deps).map(|_| bytes.array("dependencies").map(ChangeHash)).collect::<Result<Vec<_>, _>>()?;
    if deps.iter().collect::<HashSet<_>>().len() < deps.len() {
        return Err(Refusal::new(Cause::Malformed, "a dependency is named twice"));
    }
    let actor = actor(&mut bytes)?;
    let seq = bytes.unsigned("sequence number")?;
    let start_op = bytes.unsigned("first operation's number")?;
    let time = bytes.signed("time")?;
    let message = bytes.bounded(MESSAGE_BYTES_MAX, "message's length")?;
    let message = std::str::from_utf8(bytes.take(message, "message")?)
        .map_err(|_| Refusal::new(Cause::Malformed, "the message is not UTF-8"))?;
    let actors = bytes.bounded(CHANGE_ACTORS_MAX, "number of other actors")?;
    (0..actors).try_for_each(|_| self::actor(&mut bytes).map(drop))?;
    let ops = columns::count_operations(&mut bytes, CHANGE_COLUMNS_MAX, data.len())?;
    if seq == 0 || start_op == 0 {
        return Err(Refusal::new(Cause::Malformed, "sequence and operation numbers begin with 1"));
    }
    if time.unsigned_abs() > TIME_SECONDS_MAX {
        let detail = format!("{time} seconds before or after 1970 are no date");
        return Err(Refusal::new(Cause::Malformed, detail));
    }
    if start_op.saturating_add(ops) > DOCUMENT_OPS_MAX {
        let detail = format!("operation {start_op} is beyond the {DOCUMENT_OPS_MAX} that a document may have");
        return Err(Refusal::new(Cause::TooLarge, detail));
    }
    let message = (!message.is_empty()).then(|| message.to_owned());
    Ok(Header { hash, deps, actor, seq, start_op, ops, time: Timestamp::from_seconds(time), message })
}

fn actor(bytes: &mut Bytes<'_>) -> Result<Actor, Refusal> {
    let length = bytes.bounded(ACTOR_BYTES_MAX, "actor's length")?;
    let actor = bytes.take(length, "actor")?;
    Actor::from_bytes(actor).map_err(|error| Refusal::new(Cause::Malformed, error.to_string()))
}
