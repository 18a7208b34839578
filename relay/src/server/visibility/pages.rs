use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use regard_core::gate;
use regard_core::id::{DocumentId, EpochId, MemberId, WorkspaceId};
use regard_core::limits::{BATCH_BYTES_TARGET, STREAM_PAGE_CHANGES_MAX, STREAM_PAGES_BYTES_MAX, STREAM_PAGES_MAX};
use regard_core::record::Kind;
use regard_core::visibility::{Filter, StreamEvent, Visible};
use regard_core::wire::{self, RelayFrame, Scope, Segment};
use tokio::sync::OnceCell;

use super::request::Form;
use super::roster::Roster;
use crate::relay::Inner;
use crate::server::blocking;
use crate::store::{Log, LoggedFrame, StoreError};

/// Bytes of segments from which on rendering them is worth a thread of its own: some 50 microseconds.
const LARGE_BYTES: usize = 16 << 10;

/// Changes of a log that follow each other, as their readers get them.
#[derive(Debug)]
pub(crate) struct Page {
    pub(super) first_seq: u64,
    changes: Vec<Change>,
    text: Bytes,
}

/// What a filter asks of a change, and where its text ends.
#[derive(Debug)]
struct Change {
    kind: Kind,
    record: DocumentId,
    member: Option<MemberId>,
    end: usize,
}

/// Which page: everything that decides what its text is. Which changes are on it is decided when it is rendered, and for
/// ever: who wants a page from the same place gets the same one, so that readers who meet stay together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    workspace: WorkspaceId,
    scope: Scope,
    epoch: EpochId,
    from: u64,
    form: Form,
    roster: u64,
}

/// The pages that were read last. Who comes first renders a page; who wants the same one waits for it.
#[derive(Debug, Default)]
pub(crate) struct Pages(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    slots: HashMap<Key, Slot>,
    /// The keys in the order of their coming, for forgetting.
    order: VecDeque<Key>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Slot {
    cell: Arc<OnceCell<Arc<Page>>>,
    /// Zero until it is rendered.
    bytes: usize,
}

/// A log as one reader wants it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(super) log: &'a Arc<Log>,
    pub(super) form: Form,
    pub(super) roster: &'a Arc<Roster>,
}

impl View<'_> {
    fn key(&self, from: u64) -> Key {
        let Self { log, form, roster } = *self;
        let (workspace, scope, epoch) = (log.workspace, log.scope, log.head().epoch);
        Key { workspace, scope, epoch, from, form, roster: roster.version }
    }
}

impl Pages {
    /// The page that begins at this place, which must be one of the log.
    pub(super) async fn page(&self, relay: &Arc<Inner>, view: View<'_>, from: u64) -> Result<Arc<Page>, StoreError> {
        let key = view.key(from);
        let cell = self.cell(key);
        let page = cell.get_or_try_init(async || {
            let page = Arc::new(read(relay, view, key.epoch, from).await?);
            self.count(key, &cell, page.weight());
            Ok(page)
        });
        page.await.map(Arc::clone)
    }

    /// As [`Pages::page`]. May read the disk.
    pub(crate) fn page_blocking(&self, relay: &Inner, view: View<'_>, from: u64) -> Result<Arc<Page>, StoreError> {
        let key = view.key(from);
        let cell = self.cell(key);
        if let Some(page) = cell.get() {
            return Ok(Arc::clone(page));
        }
        let page = Arc::new(rendered(relay, in_memory(relay, view.log, from), view, key.epoch, from)?);
        // Where somebody else is rendering the same one, that one is kept.
        if cell.set(Arc::clone(&page)).is_ok() {
            self.count(key, &cell, page.weight());
        }
        Ok(page)
    }

    fn cell(&self, key: Key) -> Arc<OnceCell<Arc<Page>>> {
        let mut ring = self.lock();
        if let Some(slot) = ring.slots.get(&key) {
            return Arc::clone(&slot.cell);
        }
        let slot = Slot::default();
        let cell = Arc::clone(&slot.cell);
        ring.slots.insert(key, slot);
        ring.order.push_back(key);
        ring.forget();
        cell
    }

    fn count(&self, key: Key, cell: &Arc<OnceCell<Arc<Page>>>, bytes: usize) {
        let mut ring = self.lock();
        // It may have been forgotten meanwhile, and asked for once more.
        if let Some(slot) = ring.slots.get_mut(&key).filter(|slot| Arc::ptr_eq(&slot.cell, cell)) {
            slot.bytes = bytes;
            ring.bytes += bytes;
            ring.forget();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn forget(&mut self) {
        while self.bytes > STREAM_PAGES_BYTES_MAX || self.order.len() > STREAM_PAGES_MAX {
            let Some(oldest) = self.order.pop_front() else { return };
            if let Some(forgotten) = self.slots.remove(&oldest) {
                self.bytes -= forgotten.bytes;
            }
        }
    }
}

impl Page {
    pub(super) fn last_seq(&self) -> u64 {
        self.first_seq + self.changes.len() as u64 - 1
    }

    /// What of it passes the filter, and the last place that did.
    pub(super) fn passing(&self, filter: &Filter) -> (Bytes, Option<u64>) {
        if filter.is_open() {
            return (self.text.clone(), Some(self.last_seq()));
        }
        let (mut text, mut last, mut begin) = (Vec::new(), None, 0);
        for (seq, change) in (self.first_seq..).zip(&self.changes) {
            if filter.passes(change.kind, change.record, change.member) {
                text.extend_from_slice(&self.text[begin..change.end]);
                last = Some(seq);
            }
            begin = change.end;
        }
        (text.into(), last)
    }

    fn weight(&self) -> usize {
        self.text.len() + self.changes.len() * size_of::<Change>()
    }
}

/// Renders what is in memory from the place on, or else what one reading of the disk brings.
async fn read(relay: &Arc<Inner>, view: View<'_>, epoch: EpochId, from: u64) -> Result<Page, StoreError> {
    let frames = in_memory(relay, view.log, from);
    let bytes: usize = frames.iter().map(|frame| frame.frame.len()).sum();
    let (form, roster, log) = (view.form, Arc::clone(view.roster), Arc::clone(view.log));
    if !frames.is_empty() && bytes < LARGE_BYTES {
        return render(&frames, &log, epoch, form, &roster, from);
    }
    let relay = Arc::clone(relay);
    blocking(move || rendered(&relay, frames, View { log: &log, form, roster: &roster }, epoch, from)).await
}

/// Renders what was found in memory, or else what one reading of the disk brings.
fn rendered(
    relay: &Inner,
    in_memory: Vec<Arc<LoggedFrame>>,
    view: View<'_>,
    epoch: EpochId,
    from: u64,
) -> Result<Page, StoreError> {
    let frames = if in_memory.is_empty() {
        relay.logs.segments_after(view.log, from - 1, BATCH_BYTES_TARGET)?.into_iter().map(Arc::new).collect()
    } else {
        in_memory
    };
    render(&frames, view.log, epoch, view.form, view.roster, from)
}

fn in_memory(relay: &Inner, log: &Log, from: u64) -> Vec<Arc<LoggedFrame>> {
    let (mut frames, mut next, mut bytes) = (Vec::new(), from, 0);
    while next - from < STREAM_PAGE_CHANGES_MAX as u64 && bytes < BATCH_BYTES_TARGET {
        let Some(frame) = relay.logs.recent(log, next) else { break };
        next = frame.last_seq + 1;
        bytes += frame.frame.len();
        frames.push(frame);
    }
    frames
}

fn render(
    frames: &[Arc<LoggedFrame>],
    log: &Log,
    epoch: EpochId,
    form: Form,
    roster: &Roster,
    from: u64,
) -> Result<Page, StoreError> {
    let mut page = Rendering { log, epoch, form, roster, changes: Vec::new(), text: Vec::new() };
    for frame in frames {
        let next = from + page.changes.len() as u64;
        if page.is_full() {
            break;
        }
        page.add(frame, next).map_err(|what| StoreError::BadSegment { seq: next, what })?;
    }
    if page.changes.is_empty() {
        return Err(StoreError::Gap { seq: from });
    }
    Ok(Page { first_seq: from, changes: page.changes, text: page.text.into() })
}

struct Rendering<'a> {
    log: &'a Log,
    epoch: EpochId,
    form: Form,
    roster: &'a Roster,
    changes: Vec<Change>,
    text: Vec<u8>,
}

impl Rendering<'_> {
    fn is_full(&self) -> bool {
        self.changes.len() >= STREAM_PAGE_CHANGES_MAX
    }

    /// Adds a segment's changes from this place on. The error says what is wrong with the segment.
    fn add(&mut self, frame: &LoggedFrame, from: u64) -> Result<(), String> {
        if !(frame.first_seq..=frame.last_seq).contains(&from) {
            return Err(format!("it has the places {} to {}", frame.first_seq, frame.last_seq));
        }
        let RelayFrame::Segment { packed, .. } = wire::decode(&frame.frame, "segment").map_err(|e| e.to_string())?
        else {
            return Err("it is another frame".into());
        };
        let segment = Segment::unpack(&packed).map_err(|error| error.to_string())?;
        let changes = segment.units.iter().flat_map(|unit| unit.changes.iter().map(move |change| (unit, change)));
        let numbered = (segment.first_seq..).zip(&frame.kinds).zip(changes);
        for ((seq, kind), (unit, change)) in numbered.skip_while(|((seq, _), _)| *seq < from) {
            if self.is_full() {
                break;
            }
            let kind = Kind::from_number(*kind).ok_or_else(|| format!("there is no kind of record {kind}"))?;
            let checked = gate::check(&change.bytes).map_err(|error| error.to_string())?;
            self.write(Visible {
                scope: self.log.scope,
                epoch: self.epoch,
                seq,
                record: change.document,
                kind,
                change: checked.header.hash,
                save: unit.id,
                author: unit.author,
                author_member: unit.author.and_then(|author| self.roster.member(author)),
                carrier: segment.carrier,
                verified: unit.author == Some(segment.carrier),
                saved_at: unit.saved_at,
                visible_at: segment.visible_at,
            })?;
        }
        Ok(())
    }

    fn write(&mut self, visible: Visible) -> Result<(), String> {
        let (kind, record, member) = (visible.kind, visible.record, visible.author_member);
        let id = visible.id();
        let event = StreamEvent::Visible(visible);
        self.form.write(&mut self.text, Some(id), event).map_err(|error| error.to_string())?;
        self.changes.push(Change { kind, record, member, end: self.text.len() });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(from: u64) -> Key {
        let (workspace, epoch) = (WorkspaceId::from_bytes([1; 16]), EpochId::from_bytes([2; 16]));
        Key { workspace, scope: Scope::Records, epoch, from, form: Form::Lines, roster: 0 }
    }

    fn page(first_seq: u64, kinds: &[Kind], text: &str) -> Page {
        let each = text.len() / kinds.len();
        let record = DocumentId::from_bytes([3; 16]);
        let change = |(at, kind): (usize, &Kind)| Change { kind: *kind, record, member: None, end: (at + 1) * each };
        Page { first_seq, changes: kinds.iter().enumerate().map(change).collect(), text: text.to_owned().into() }
    }

    #[test]
    fn the_pages_that_are_kept_stay_within_their_bounds() {
        let pages = Pages::default();
        let large = STREAM_PAGES_BYTES_MAX / 3;
        for from in 1..=5 {
            let cell = pages.cell(key(from));
            pages.count(key(from), &cell, large);
        }
        let kept =
            |pages: &Pages| (1..=5).filter(|from| pages.lock().slots.contains_key(&key(*from))).collect::<Vec<_>>();
        assert_eq!(kept(&pages), [3, 4, 5]);
        for from in 10..=(STREAM_PAGES_MAX as u64 + 9) {
            pages.cell(key(from));
        }
        assert_eq!(kept(&pages), [0; 0]);
        let ring = pages.lock();
        assert_eq!((ring.bytes, ring.slots.len(), ring.order.len()), (0, STREAM_PAGES_MAX, STREAM_PAGES_MAX));
    }

    #[test]
    fn a_page_that_was_forgotten_while_it_was_rendered_is_not_counted() {
        let pages = Pages::default();
        let stale = pages.cell(key(1));
        for from in 10..=(STREAM_PAGES_MAX as u64 + 9) {
            pages.cell(key(from));
        }
        let fresh = pages.cell(key(1));
        pages.count(key(1), &stale, 7);
        assert_eq!(pages.lock().bytes, 0);
        pages.count(key(1), &fresh, 7);
        assert_eq!(pages.lock().bytes, 7);
    }

    #[test]
    fn what_passes_is_cut_out_and_its_last_place_known() {
        let page = page(5, &[Kind::Task, Kind::Lead, Kind::Task, Kind::Email], "aabbccdd");
        let passing = |kinds: &[Kind]| {
            let (text, last) = page.passing(&Filter { kinds: kinds.iter().copied().collect(), ..Filter::default() });
            (String::from_utf8(text.to_vec()).expect("text"), last)
        };
        assert_eq!(page.last_seq(), 8);
        assert_eq!(passing(&[]), ("aabbccdd".into(), Some(8)));
        assert_eq!(passing(&[Kind::Task]), ("aacc".into(), Some(7)));
        assert_eq!(passing(&[Kind::Email]), ("dd".into(), Some(8)));
        assert_eq!(passing(&[Kind::Account]), (String::new(), None));
    }
}
