use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use minicbor::Decode;
use redb::{Key, ReadableDatabase, ReadableTable, TableDefinition, Value};
use regard_core::gate::{self, Checked};
use regard_core::id::{ChangeHash, DocumentId};
use regard_core::record::{Document, Kind, genesis};

use super::super::documents::load;
use super::super::error::{During, StoreError};
use super::super::file::File;
use super::super::identity::Identity;
use super::super::rows::Rows;
use super::super::settings::{DIRECTORY_KEY, IDENTITY_KEY};
use super::super::tables::{self as t, DocumentRow, OutboxRow, Row, SaveRow};
use super::image::Image;
use super::pieces::Pieces;

/// How often the database may stop on a damaged page before it is not asked any more: each time its file is opened anew.
const STOPS_MAX: u64 = 1_000;

/// What can be read of a damaged store.
pub(super) struct Found {
    bytes: Arc<Vec<u8>>,
    /// The database, where it can be opened.
    live: Option<File>,
    pieces: Pieces,
    /// The values of settings, checksums taken off.
    pub(super) settings: BTreeMap<String, Vec<u8>>,
    pub(super) documents: BTreeMap<u64, DocumentRow>,
    /// What the index of ids says of rows; it has no checksums.
    ids: BTreeMap<u64, DocumentId>,
    pub(super) saves: BTreeMap<u64, SaveRow>,
    pub(super) outbox: BTreeMap<(u8, u64), OutboxRow>,
    /// Whether the outbox was read to its end.
    pub(super) is_outbox_whole: bool,
}

/// What can be read of one record.
pub(super) struct FoundRecord {
    pub(super) document: Option<Document>,
    /// Changes that do not fit, since what they follow is lost.
    pub(super) loose: HashMap<ChangeHash, Vec<u8>>,
    pub(super) is_whole: bool,
}

impl Found {
    pub(super) fn read(image: &Image) -> Self {
        let live = File::open(Arc::new(image.clone()), false).ok();
        let bytes = Arc::clone(&image.bytes);
        let pieces = Pieces::of(&bytes);
        let mut found = Self {
            bytes,
            live,
            pieces,
            settings: BTreeMap::new(),
            documents: BTreeMap::new(),
            ids: BTreeMap::new(),
            saves: BTreeMap::new(),
            outbox: BTreeMap::new(),
            is_outbox_whole: false,
        };
        found.read_settings();
        found.read_documents();
        found.read_saves();
        found.read_outbox();
        found
    }

    /// Runs over a table as far as the database finds its way. Answers whether it came to the end.
    fn walk<K: Key + 'static, V: Value + 'static>(
        &self,
        definition: TableDefinition<'static, K, V>,
        mut each: impl FnMut(K::SelfType<'_>, V::SelfType<'_>) -> bool,
    ) -> bool {
        let walked = self.ask(|reading| {
            let table = reading.open_table(definition).during("open a table")?;
            let mut is_whole = true;
            for row in table.iter().during("read rows")? {
                let (key, value) = row.during("read a row")?;
                is_whole &= each(key.value(), value.value());
            }
            Ok(is_whole)
        });
        walked.unwrap_or(false)
    }

    fn ask<T>(&self, work: impl FnOnce(&redb::ReadTransaction) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let live = self.live.as_ref().filter(|live| live.openings() <= STOPS_MAX);
        let live = live.ok_or_else(|| StoreError::damaged("the database cannot be asked"))?;
        live.read(|_| Ok(()), |database| work(&database.begin_read().during("begin reading")?))
    }

    /// The value of a piece, where it is one of the table.
    fn piece<K, T>(&self, rows: &Rows<K>, key: K, span: &Range<usize>) -> Option<T>
    where
        K: Key + for<'k> Key<SelfType<'k> = K> + 'static,
        T: for<'b> Decode<'b, ()>,
    {
        rows.open(&key, &self.bytes[span.clone()]).ok()
    }

    fn read_settings(&mut self) {
        let mut settings = BTreeMap::new();
        self.walk(t::SETTINGS.definition, |key, stored| {
            let value = t::SETTINGS.value(&key, stored).map(|value| settings.insert(key.to_owned(), value.to_vec()));
            value.is_ok()
        });
        for (key, spans) in &self.pieces.settings {
            if settings.contains_key(key) {
                continue;
            }
            let values = spans.iter().filter_map(|span| {
                t::SETTINGS.value(&key.as_str(), &self.bytes[span.clone()]).ok().map(<[u8]>::to_vec)
            });
            // Of several ages the one that says most is the youngest: former devices, members and numbers only grow.
            let best = match key.as_str() {
                IDENTITY_KEY => values.max_by_key(|value| {
                    regard_core::wire::decode::<Identity>(value, "identity").map(|identity| identity.former.len()).ok()
                }),
                DIRECTORY_KEY => values.max_by_key(Vec::len),
                _ => values.max_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b))),
            };
            settings.extend(best.map(|value| (key.clone(), value)));
        }
        self.settings = settings;
    }

    fn read_documents(&mut self) {
        let (mut documents, mut ids) = (BTreeMap::new(), BTreeMap::new());
        self.walk(t::DOCUMENTS.definition, |row, stored| {
            t::DOCUMENTS.open(&row, stored).map(|meta: DocumentRow| documents.insert(row, meta)).is_ok()
        });
        self.walk(t::IDS, |id, row| {
            ids.insert(row, DocumentId::from_bytes(id));
            true
        });
        for (row, spans) in &self.pieces.documents {
            if !documents.contains_key(row) {
                let rows = spans.iter().filter_map(|span| self.piece::<_, DocumentRow>(&t::DOCUMENTS, *row, span));
                documents.extend(rows.max_by_key(|meta| meta.next_change).map(|meta| (*row, meta)));
            }
        }
        (self.documents, self.ids) = (documents, ids);
    }

    fn read_saves(&mut self) {
        let mut saves = BTreeMap::new();
        self.walk(t::SAVES.definition, |number, stored| {
            t::SAVES.open(&number, stored).map(|save: SaveRow| saves.insert(number, save)).is_ok()
        });
        for (number, spans) in &self.pieces.saves {
            if !saves.contains_key(number) {
                let rows = spans.iter().filter_map(|span| self.piece::<_, SaveRow>(&t::SAVES, *number, span));
                let best = rows.max_by_key(|save| save.visible.map(|visible| visible.generation));
                saves.extend(best.map(|save| (*number, save)));
            }
        }
        self.saves = saves;
    }

    fn read_outbox(&mut self) {
        let mut outbox = BTreeMap::new();
        let is_whole = self.walk(t::OUTBOX.definition, |place, stored| {
            t::OUTBOX.open(&place, stored).map(|row: OutboxRow| outbox.insert(place, row)).is_ok()
        });
        if !is_whole {
            for (place, spans) in &self.pieces.outbox {
                let mut rows = spans.iter().filter_map(|span| self.piece::<_, OutboxRow>(&t::OUTBOX, *place, span));
                // An older page may hold what has been sent since.
                let is_sent = |row: &OutboxRow| {
                    row.save.and_then(|save| self.saves.get(&save)).is_some_and(|save| save.visible.is_some())
                };
                if !outbox.contains_key(place) {
                    outbox.extend(rows.next().filter(|row| !is_sent(row)).map(|row| (*place, row)));
                }
            }
        }
        (self.outbox, self.is_outbox_whole) = (outbox, is_whole);
    }

    /// Every row that a record has or had.
    pub(super) fn rows(&self) -> BTreeSet<u64> {
        let changes = self.pieces.changes.keys().map(|(row, _)| row);
        self.documents
            .keys()
            .chain(self.ids.keys())
            .chain(self.pieces.snapshots.keys())
            .chain(changes)
            .copied()
            .collect()
    }

    /// Whose record a row is, where that can be said.
    pub(super) fn id(&self, row: u64) -> Option<DocumentId> {
        self.documents.get(&row).map(|meta| meta.id).or_else(|| self.ids.get(&row).copied())
    }

    pub(super) fn record(&self, row: u64) -> FoundRecord {
        if let Some(meta) = self.documents.get(&row) {
            let loaded = self.ask(|reading| {
                let snapshots = reading.open_table(t::SNAPSHOTS).during("open a table")?;
                let changes = reading.open_table(t::CHANGES).during("open a table")?;
                load(meta, Row(row), &snapshots, &changes)
            });
            if let Ok(document) = loaded {
                let is_whole = document.count() >= meta.changes;
                return FoundRecord { document: Some(document), loose: HashMap::new(), is_whole };
            }
        }
        self.assemble(row)
    }

    /// Puts a record together from the pieces that lie in the file.
    fn assemble(&self, row: u64) -> FoundRecord {
        let spans = |spans: Option<&Vec<Range<usize>>>| spans.cloned().unwrap_or_default();
        let mut snapshots: Vec<Document> = spans(self.pieces.snapshots.get(&row))
            .into_iter()
            .filter_map(|span| Document::load(&self.bytes[span]).ok())
            .collect();
        snapshots.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.count()));
        let mut changes: Vec<Checked> = Vec::new();
        for snapshot in snapshots.iter().skip(1) {
            changes.extend(snapshot.changes_since(&[]).iter().filter_map(|change| gate::check(&change.bytes).ok()));
        }
        let singles = self.pieces.changes.range((row, 0)..=(row, u32::MAX)).flat_map(|(_, spans)| spans);
        changes.extend(singles.filter_map(|span| gate::check(&self.bytes[span.clone()]).ok()));
        let kind = self.documents.get(&row).map(|meta| meta.kind);
        let kind = kind.or_else(|| changes.iter().find_map(first_kind));
        let mut document = snapshots.into_iter().next().or_else(|| kind.map(Document::new));
        let mut loose: HashMap<ChangeHash, Vec<u8>> = HashMap::new();
        if let Some(document) = &mut document {
            // Each pass applies what the ones before made possible.
            while !changes.is_empty() {
                let before = changes.len();
                changes
                    .retain(|change| !matches!(gate::apply(document, std::slice::from_ref(change)).pop(), Some(Ok(_))));
                if changes.len() == before {
                    break;
                }
            }
        }
        loose.extend(changes.into_iter().map(|change| (change.header.hash, change.bytes)));
        let due = self.documents.get(&row).map(|meta| meta.changes);
        let is_whole = document.as_ref().is_some_and(|document| due.is_some_and(|due| document.count() >= due));
        FoundRecord { document, loose, is_whole }
    }
}

/// The kind of a record, by a change that follows its first one.
fn first_kind(change: &Checked) -> Option<Kind> {
    change.header.deps.iter().find_map(|dep| genesis::kind_of(*dep))
}
