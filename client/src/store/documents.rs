use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use redb::ReadableTable;
use regard_core::gate::{self, Checked};
use regard_core::id::DocumentId;
use regard_core::limits::CHANGES_UNFOLDED_MAX;
use regard_core::record::{Document, Projection, StoredChange, genesis};
use regard_core::wire::{HeadsDigest, Scope};

use super::Store;
use super::error::{During, StoreError};
use super::index;
use super::quarantine::heal_changed;
use super::tables::{CHANGES, ChangeRef, DOCUMENTS, DocumentRow, IDS, PROJECTIONS, Row, SNAPSHOTS};
use super::transaction::{Writer, next_number};

impl Store {
    /// Opens a record.
    ///
    /// # Errors
    /// [`StoreError::NoRecord`]; [`StoreError::Damaged`] where its bytes do not verify.
    pub fn document(&self, id: DocumentId) -> Result<Document, StoreError> {
        self.read(|transaction| {
            let ids = transaction.open_table(IDS).during("open a table")?;
            let documents = transaction.open_table(DOCUMENTS.definition).during("open a table")?;
            let row = find_row(&ids, &documents, id)?.ok_or(StoreError::NoRecord(id))?;
            let meta = document_row(&documents, row)?;
            is_row_of(&meta, id)?;
            if let Some(document) = self.take_loaded(row) {
                return Ok(document);
            }
            let snapshots = transaction.open_table(SNAPSHOTS).during("open a table")?;
            let changes = transaction.open_table(CHANGES).during("open a table")?;
            load(&meta, row, &snapshots, &changes)
        })
    }

    /// A copy of a loaded document. Copies share most of their memory.
    pub(super) fn take_loaded(&self, row: Row) -> Option<Document> {
        let mut loaded = self.loaded.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        loaded.get(&row).cloned()
    }

    /// Runs `work` in one transaction with documents open beside it; what it leaves on the workbench is written, and stays
    /// loaded once it is durable.
    pub(super) fn write_documents<T>(
        &self,
        work: impl FnOnce(&mut Writer<'_>, &mut Workbench) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let _writing = self.writing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let unless_durable = self.aside.changing();
        let (outcome, healed, documents) = self.write(|writer| {
            let mut workbench = Workbench::default();
            let outcome = work(writer, &mut workbench)?;
            heal_changed(self, writer, &mut workbench)?;
            let healed = std::mem::take(&mut workbench.healed);
            Ok((outcome, healed, workbench.finish(writer)?))
        })?;
        unless_durable.durable(healed);
        self.keep_loaded(documents);
        Ok(outcome)
    }

    fn keep_loaded(&self, documents: impl IntoIterator<Item = (Row, Document)>) {
        let mut loaded = self.loaded.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (row, document) in documents {
            loaded.put(row, document);
        }
    }
}

/// The documents that one transaction opens and changes. Nothing of it is seen by others until the transaction is durable.
#[derive(Default)]
pub(super) struct Workbench {
    open: BTreeMap<Row, Open>,
    /// Places that were set aside and are applied now.
    pub(super) healed: Vec<(Scope, u64)>,
}

/// One of them.
pub(super) struct Open {
    pub(super) row: Row,
    pub(super) meta: DocumentRow,
    pub(super) document: Document,
    changed: bool,
}

impl Workbench {
    /// Opens a record, where there is one.
    pub(super) fn open(
        &mut self,
        store: &Store,
        writer: &Writer<'_>,
        id: DocumentId,
    ) -> Result<Option<&mut Open>, StoreError> {
        let Some(row) = find_row(&writer.ids, &writer.documents, id)? else { return Ok(None) };
        match self.open.entry(row) {
            Entry::Occupied(open) => Ok(Some(open.into_mut())),
            Entry::Vacant(place) => {
                let meta = document_row(&writer.documents, row)?;
                is_row_of(&meta, id)?;
                let document = match store.take_loaded(row) {
                    Some(document) => document,
                    None => load(&meta, row, &writer.snapshots, &writer.changes)?,
                };
                Ok(Some(place.insert(Open { row, meta, document, changed: false })))
            }
        }
    }

    /// Begins a record that is not there yet.
    pub(super) fn begin(
        &mut self,
        writer: &mut Writer<'_>,
        id: DocumentId,
        scope: Scope,
        document: Document,
    ) -> Result<&mut Open, StoreError> {
        let row = Row(next_number(&writer.documents)?);
        let kind = document.kind();
        let heads = HeadsDigest::of(&[genesis::hash(kind)]);
        let meta = DocumentRow { id, kind, scope, has_snapshot: false, next_change: 0, unfolded: 0, heads, changes: 1 };
        // The row is written now, so that the next one gets another number.
        DOCUMENTS.put(&mut writer.documents, row.0, &meta)?;
        writer.ids.insert(id.as_bytes(), row.0).during("write a row")?;
        let open = Open { row, meta, document, changed: true };
        Ok(self.open.entry(row).or_insert(open))
    }

    /// The records that changed so far.
    pub(super) fn changed(&self) -> Vec<DocumentId> {
        self.open.values().filter(|open| open.changed).map(|open| open.meta.id).collect()
    }

    /// Writes what changed: projections, indexes, and snapshots where single changes have piled up.
    pub(super) fn finish(mut self, writer: &mut Writer<'_>) -> Result<Vec<(Row, Document)>, StoreError> {
        for open in self.open.values_mut().filter(|open| open.changed) {
            open.fold_when_due(writer)?;
            open.meta.heads = HeadsDigest::of(&open.document.heads());
            DOCUMENTS.put(&mut writer.documents, open.row.0, &open.meta)?;
            write_projection(writer, open.row, &open.document)?;
        }
        Ok(self.open.into_iter().map(|(row, open)| (row, open.document)).collect())
    }
}

impl Open {
    /// Stores a change that the document already holds.
    pub(super) fn append(&mut self, writer: &mut Writer<'_>, change: &StoredChange) -> Result<ChangeRef, StoreError> {
        let number = self.meta.next_change;
        writer.changes.insert((self.row.0, number), change.bytes.as_slice()).during("write a row")?;
        self.meta.next_change += 1;
        self.meta.unfolded += 1;
        self.meta.changes += 1;
        self.changed = true;
        Ok(ChangeRef { row: self.row, number, hash: change.hash })
    }

    /// Stores a foreign change that the document already holds; the first change of a kind is stored nowhere.
    pub(super) fn keep(&mut self, writer: &mut Writer<'_>, change: &Checked) -> Result<(), StoreError> {
        let hash = change.header.hash;
        if genesis::kind_of(hash).is_some() {
            return Ok(());
        }
        self.append(writer, &StoredChange { hash, bytes: change.bytes.clone() }).map(drop)
    }

    fn fold_when_due(&mut self, writer: &mut Writer<'_>) -> Result<(), StoreError> {
        if (self.meta.unfolded as usize) < CHANGES_UNFOLDED_MAX {
            return Ok(());
        }
        self.fold(writer)
    }

    /// Puts another history in place of this one.
    pub(super) fn replace(&mut self, writer: &mut Writer<'_>, document: Document) -> Result<(), StoreError> {
        self.meta.changes = document.count();
        self.document = document;
        self.changed = true;
        self.fold(writer)
    }

    fn fold(&mut self, writer: &mut Writer<'_>) -> Result<(), StoreError> {
        writer.snapshots.insert(self.row.0, self.document.save().as_slice()).during("write a row")?;
        let all = (self.row.0, 0)..=(self.row.0, u32::MAX);
        writer.changes.retain_in(all, |_, _| false).during("write a row")?;
        (self.meta.has_snapshot, self.meta.unfolded) = (true, 0);
        Ok(())
    }
}

pub(super) fn document_row(
    documents: &impl ReadableTable<u64, &'static [u8]>,
    row: Row,
) -> Result<DocumentRow, StoreError> {
    let found = DOCUMENTS.get(documents, row.0)?;
    found.ok_or_else(|| StoreError::damaged(format!("document {} is in an index and not in its table", row.0)))
}

/// The row of a record. Where the index has none, its neighbours have to be what they say: with a damaged key it would lead past a
/// record that is there.
pub(super) fn find_row(
    ids: &impl ReadableTable<[u8; 16], u64>,
    documents: &impl ReadableTable<u64, &'static [u8]>,
    id: DocumentId,
) -> Result<Option<Row>, StoreError> {
    if let Some(row) = ids.get(id.as_bytes()).during("read a row")? {
        return Ok(Some(Row(row.value())));
    }
    let before = ids.range(..*id.as_bytes()).during("read rows")?.next_back().transpose().during("read a row")?;
    let after = ids.range(*id.as_bytes()..).during("read rows")?.next().transpose().during("read a row")?;
    let is_in_order = before.as_ref().is_none_or(|(key, _)| key.value() < *id.as_bytes())
        && after.as_ref().is_none_or(|(key, _)| key.value() > *id.as_bytes());
    if !is_in_order {
        return Err(StoreError::damaged(format!("the index of ids is not in order where record {id} would be")));
    }
    for (key, row) in before.iter().chain(&after) {
        is_row_of(&document_row(documents, Row(row.value()))?, DocumentId::from_bytes(key.value()))?;
    }
    Ok(None)
}

/// The index of ids has no checksums of its own: a wrong row in it is noticed by what the row says.
pub(super) fn is_row_of(meta: &DocumentRow, id: DocumentId) -> Result<(), StoreError> {
    if meta.id == id {
        return Ok(());
    }
    Err(StoreError::damaged(format!("the index leads from record {id} to record {}", meta.id)))
}

/// Opens a document from its snapshot and the single changes beside it.
pub(super) fn load(
    meta: &DocumentRow,
    row: Row,
    snapshots: &impl ReadableTable<u64, &'static [u8]>,
    changes: &impl ReadableTable<(u64, u32), &'static [u8]>,
) -> Result<Document, StoreError> {
    let mut document = if meta.has_snapshot {
        let snapshot = snapshots.get(row.0).during("read a row")?;
        let snapshot =
            snapshot.ok_or_else(|| StoreError::damaged(format!("the snapshot of {} is missing", meta.id)))?;
        Document::load(snapshot.value()).map_err(|error| StoreError::unreadable(meta.id, &error))?
    } else {
        Document::new(meta.kind)
    };
    let mut single = Vec::new();
    for change in changes.range((row.0, 0)..=(row.0, u32::MAX)).during("read rows")? {
        let (_, bytes) = change.during("read a row")?;
        single.push(gate::check(bytes.value()).map_err(|refusal| unreadable(meta, &refusal.to_string()))?);
    }
    for verdict in gate::apply(&mut document, &single) {
        verdict.map_err(|refusal| unreadable(meta, &refusal.to_string()))?;
    }
    if single.len() != meta.unfolded as usize {
        return Err(unreadable(meta, "a stored change is missing"));
    }
    Ok(document)
}

fn unreadable(meta: &DocumentRow, why: &str) -> StoreError {
    StoreError::damaged(format!("record {}: {why}", meta.id))
}

pub(super) fn write_projection(writer: &mut Writer<'_>, row: Row, document: &Document) -> Result<(), StoreError> {
    let old: Option<Projection> = PROJECTIONS.get(&writer.projections, row.0)?;
    let new = Projection::of(document);
    if old.as_ref() == Some(&new) {
        return Ok(());
    }
    index::update(writer, row, old.as_ref(), &new)?;
    PROJECTIONS.put(&mut writer.projections, row.0, &new)
}

/// The document that came after or before another one; the first or last of all where none is named.
pub(super) fn next_row(
    documents: &impl ReadableTable<u64, &'static [u8]>,
    after: Option<Row>,
    descending: bool,
) -> Result<Option<Row>, StoreError> {
    let mut range = match (after, descending) {
        (None, _) => documents.iter(),
        (Some(after), true) => documents.range(..after.0),
        (Some(after), false) => documents.range(after.0.saturating_add(1)..),
    }
    .during("read rows")?;
    let next = if descending { range.next_back() } else { range.next() };
    Ok(next.transpose().during("read a row")?.map(|(key, _)| Row(key.value())))
}
