//! Answers to devices that reconcile or poll: what a log holds by documents, whole documents of it, and what a subscription
//! would bring. All of them read the disk.

use regard_core::error::{Cause, Refusal};
use regard_core::id::{DocumentId, WorkspaceId};
use regard_core::limits::BATCH_BYTES_TARGET;
use regard_core::wire::{
    Cursor, Excerpt, INVENTORY_ENTRY_BYTES, InventoryEntry, PollAnswer, RelayFrame, Scope, Subscribe, pack_inventory,
};

use crate::relay::Inner;
use crate::store::{Log, LogStore, StoreError};

/// Entries of one frame.
const ENTRIES_OF_A_FRAME: usize = BATCH_BYTES_TARGET / INVENTORY_ENTRY_BYTES;

/// The frames of a list of all documents of a log, which ended at `at`; each is made when it is asked for.
pub(crate) fn inventory_frames(
    scope: Scope,
    at: Cursor,
    entries: &[InventoryEntry],
) -> impl Iterator<Item = RelayFrame> + use<'_> {
    let frames = entries.len().div_ceil(ENTRIES_OF_A_FRAME).max(1);
    (1..=frames).map(move |number| {
        let piece = entries.chunks(ENTRIES_OF_A_FRAME).nth(number - 1).unwrap_or_default();
        RelayFrame::Inventory { scope, at, entries: pack_inventory(piece), last: number == frames }
    })
}

/// The frames with all changes of some documents.
pub(crate) fn excerpt_frames(
    logs: &LogStore,
    log: &Log,
    documents: Vec<DocumentId>,
) -> Result<Vec<RelayFrame>, StoreError> {
    let mut excerpts = logs.excerpt(log, &documents.into_iter().collect())?;
    if excerpts.is_empty() {
        excerpts.push(Excerpt { units: Vec::new() });
    }
    let last = excerpts.len() - 1;
    let frame = |(at, excerpt): (usize, &Excerpt)| RelayFrame::Excerpt {
        scope: log.scope,
        packed: excerpt.pack(),
        last: at == last,
    };
    Ok(excerpts.iter().enumerate().map(frame).collect())
}

/// What subscriptions would bring.
pub(crate) fn poll(relay: &Inner, workspace: WorkspaceId, wishes: &[Subscribe]) -> Result<Vec<PollAnswer>, Refusal> {
    if wishes.len() > Scope::ALL.len() {
        return Err(Refusal::new(Cause::TooLarge, "a poll names each scope once"));
    }
    let answers = wishes.iter().map(|wish| {
        let log = relay.logs.log_blocking(workspace, wish.scope)?;
        poll_answer(&relay.logs, &log, wish)
    });
    answers.collect::<Result<_, StoreError>>().map_err(|error| error.as_refusal())
}

fn poll_answer(logs: &LogStore, log: &Log, wish: &Subscribe) -> Result<PollAnswer, StoreError> {
    let head = log.head();
    let from = wish.from.unwrap_or_else(|| log.start());
    let cursors: Vec<_> = std::iter::once(from).chain(wish.witness).collect();
    let is_valid = logs.are_valid(log, &cursors)?;
    let found = if is_valid && from.seq < head.seq {
        logs.packed_segments_after(log, from.seq, BATCH_BYTES_TARGET)?
    } else {
        Vec::new()
    };
    let more = found.last().is_some_and(|(last_seq, _)| *last_seq < head.seq);
    let segments = found.into_iter().map(|(_, packed)| packed.into()).collect();
    Ok(PollAnswer { scope: log.scope, head, is_valid, segments, more })
}
