use redb::ReadTransaction;
use regard_core::record::{Document, Kind, Projection};

use super::super::Store;
use super::super::documents::{document_row, load};
use super::super::error::{During, StoreError};
use super::super::index::{COUNTS_KEY, CountsRow, group, is_counted};
use super::super::tables::{CHANGES, DOCUMENTS, PROJECTIONS, Row, SETTINGS, SNAPSHOTS};
use super::candidates::{candidates, unsent, widened};
use super::order::{InOrder, Place, Within};
use super::wanted::{Check, Times, Wanted, is_always_shown};
use super::{By, Filter, Page, Sort, projection, with_id};
use crate::query::State;

/// Records that one page opens for fields that no projection has: about a second.
const DOCUMENTS_OPENED_MAX: usize = 10_000;

impl Store {
    /// A part of a list, which takes as long as there is to list, where the filter can be answered from indexes. Fields that lists
    /// do not show need each record opened; after so many of them the page ends and says so.
    ///
    /// # Errors
    /// [`StoreError::Filter`] where the place belongs to a list of another order, or a date lies beyond the calendar; else as the disk
    /// has it.
    pub fn page(&self, filter: &Filter) -> Result<Page, StoreError> {
        let mut wanted = Wanted::of(filter)?;
        if let Some(after) = filter.after.as_ref().filter(|after| after.sort != filter.sort) {
            let why =
                format!("the place is one of a list sorted by {}, and this one is by {}", after.sort, filter.sort);
            return Err(StoreError::Filter(why));
        }
        self.read(|reading| {
            if wanted.asks_for(State::Unsent) {
                wanted.unsent = unsent(reading)?;
            }
            let groups = groups(filter, &wanted);
            let mut looking = Looking { store: self, reading, filter, wanted: &wanted, opened: 0 };
            match candidates(reading, &wanted, &groups)? {
                Some(rows) => looking.among(rows.into_iter().collect(), &groups),
                None => looking.in_order(groups),
            }
        })
    }
}

/// The groups of the index in which all wanted records are.
fn groups(filter: &Filter, wanted: &Wanted) -> Vec<u8> {
    let is_wanted = |kind: Kind| {
        wanted.checks.iter().all(|(negated, check)| match check {
            Check::Kind(named) => (*named == Some(kind)) != *negated,
            _ => true,
        })
    };
    let deleted = filter.deleted || wanted.asks_for(State::Deleted);
    let live = !wanted.positive().any(|check| *check == Check::State(State::Deleted));
    let kinds = || Kind::ALL.into_iter().filter(|kind| is_wanted(*kind));
    let of = |is_deleted: bool, wanted: bool| kinds().filter(move |_| wanted).map(move |kind| group(kind, is_deleted));
    of(false, live).chain(of(true, deleted)).collect()
}

struct Looking<'a> {
    store: &'a Store,
    reading: &'a ReadTransaction,
    filter: &'a Filter,
    wanted: &'a Wanted,
    opened: usize,
}

impl Looking<'_> {
    /// Looks at a few known records, and puts in order what is wanted of them.
    fn among(&mut self, rows: Vec<Row>, groups: &[u8]) -> Result<Page, StoreError> {
        let sort = self.filter.sort;
        let projections = self.reading.open_table(PROJECTIONS.definition).during("open a table")?;
        let mut found: Vec<(Place, Projection)> = Vec::new();
        for row in rows {
            let shown = projection(&projections, row)?;
            if !is_among(groups, &shown) {
                continue;
            }
            let place = Place::of(sort, row, &shown);
            let is_behind = self.filter.after.as_ref().is_none_or(|after| place.is_behind(after));
            if is_behind && self.is_wanted(row, &shown)? {
                found.push((place, shown));
            }
        }
        found.sort_by(|(one, _), (other, _)| one.cmp(other, sort));
        let mut page = Page::default();
        let mut last = None;
        for (place, shown) in found.into_iter().skip(self.filter.offset) {
            if page.records.len() == self.filter.limit {
                page.next = last.map(|last: Place| last.cursor(sort));
                break;
            }
            page.records.push(with_id(self.reading, place.row, shown)?);
            last = Some(place);
        }
        Ok(page)
    }

    /// Goes through the list until the page is full.
    fn in_order(&mut self, groups: Vec<u8>) -> Result<Page, StoreError> {
        let sort = self.filter.sort;
        let after = self.filter.after.clone();
        let mut order = InOrder::new(self.reading, groups.clone(), sort, after, within(sort.by, self.wanted));
        let projections = self.reading.open_table(PROJECTIONS.definition).during("open a table")?;
        let (mut page, mut passed, mut last) = (Page::default(), 0, None);
        let mut witnessed = Witnessed::of(&order);
        loop {
            let Some(place) = order.next()? else {
                witnessed.end(self.reading, &groups)?;
                break;
            };
            let shown = projection(&projections, place.row)?;
            witnessed.place(&place, &shown)?;
            // The order of arrival has no groups.
            if !is_among(&groups, &shown) || !self.is_wanted(place.row, &shown)? {
                if self.opened >= DOCUMENTS_OPENED_MAX {
                    page.stopped_after = Some(self.opened);
                    page.next = Some(place.cursor(sort));
                    break;
                }
                continue;
            }
            if passed < self.filter.offset {
                passed += 1;
            } else if page.records.len() == self.filter.limit {
                page.next = last.map(|last: Place| last.cursor(sort));
                break;
            } else {
                page.records.push(with_id(self.reading, place.row, shown)?);
                last = Some(place);
            }
        }
        Ok(page)
    }

    fn is_wanted(&mut self, row: Row, shown: &Projection) -> Result<bool, StoreError> {
        let opened = &mut self.opened;
        self.wanted.holds(row, shown, || {
            *opened += 1;
            open(self.store, self.reading, row)
        })
    }
}

/// The index has no checksums: whether it leads to the right records is seen by what their rows say, and whether it leaves one out by
/// how many there are.
struct Witnessed {
    sort: Sort,
    last: Option<Place>,
    /// Live records so far; none where the list is not gone through from its beginning.
    live: Option<u64>,
}

impl Witnessed {
    fn of(order: &InOrder<'_>) -> Self {
        Self { sort: order.sort(), last: None, live: order.is_whole().then_some(0) }
    }

    fn place(&mut self, place: &Place, shown: &Projection) -> Result<(), StoreError> {
        let follows = self.last.as_ref().is_none_or(|last| last.cmp(place, self.sort).is_lt());
        if !follows || *place != Place::of(self.sort, place.row, shown) {
            return Err(StoreError::damaged(format!("the index leads to record {} in a wrong place", place.row.0)));
        }
        self.last = Some(place.clone());
        if let Some(live) = &mut self.live {
            *live += u64::from(is_counted(shown));
        }
        Ok(())
    }

    /// Whether all records of some groups have been met.
    fn end(&self, reading: &ReadTransaction, groups: &[u8]) -> Result<(), StoreError> {
        let Some(live) = self.live else { return Ok(()) };
        let settings = reading.open_table(SETTINGS.definition).during("open a table")?;
        let counts: CountsRow = SETTINGS.get(&settings, COUNTS_KEY)?.unwrap_or_default();
        // The order of arrival goes through all kinds.
        let is_met = |kind: &u8| self.sort.by == By::Added || groups.contains(kind);
        let due: u64 = counts.live.iter().filter(|(kind, _)| is_met(kind)).map(|(_, count)| count).sum();
        if live == due {
            return Ok(());
        }
        Err(StoreError::damaged(format!("the index leads to {live} records, and {due} are due")))
    }
}

/// Whether a record is of a kind and life that is listed.
fn is_among(groups: &[u8], shown: &Projection) -> bool {
    groups.contains(&group(shown.kind, shown.life == regard_core::record::Life::Deleted))
}

/// The part of the order outside which nothing can be wanted.
fn within(by: By, wanted: &Wanted) -> Within {
    let mut within = Within::default();
    for check in wanted.positive() {
        let (from, to) = match (by, check) {
            (By::Changed, Check::Changed(Times::Within { from, before })) => {
                (*from, before.map(|before| before.saturating_sub(1)))
            }
            (By::Date, Check::Moment(name, _)) if !is_always_shown(name) => continue,
            (
                By::Date,
                Check::Date(Times::Within { from, before }) | Check::Moment(_, Times::Within { from, before }),
            ) => widened(*from, *before),
            _ => continue,
        };
        within.from = within.from.max(from);
        within.to = [within.to, to].into_iter().flatten().min();
    }
    within
}

fn open(store: &Store, reading: &ReadTransaction, row: Row) -> Result<Document, StoreError> {
    if let Some(document) = store.take_loaded(row) {
        return Ok(document);
    }
    let documents = reading.open_table(DOCUMENTS.definition).during("open a table")?;
    let snapshots = reading.open_table(SNAPSHOTS).during("open a table")?;
    let changes = reading.open_table(CHANGES).during("open a table")?;
    load(&document_row(&documents, row)?, row, &snapshots, &changes)
}
