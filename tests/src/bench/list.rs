//! Finding among many records: the first page of a list from a store that nobody had open, and from one that is.
//!
//! Cold means that the store has just been opened and its own cache is empty; the file may be in the system's.

use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use regard_client::query::parse;
use regard_client::store::{Filter, Store};
use regard_core::record::Kind;

use super::plan::{Doing, Plan, timed};
use super::stocked::{COMPANIES, Stocked};
use super::{Failure, Group, Report, Series, Unit};
use crate::harness::Person;

/// Rows of a page.
const PAGE: usize = 50;
/// How often each is done in one run; the median counts.
const TIMES: usize = 5;
/// What a running client should stay below with a hundred thousand records, in bytes.
const MEMORY_AIM: f64 = 100e6;
/// Beyond, sending everything to a relay takes longer than the figure is worth.
const SENT_RECORDS_MAX: usize = 100_000;

type Finding<'a> = Box<dyn Fn(&Store) -> Result<usize, Failure> + 'a>;

pub(super) fn run(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let stocked = Stocked::of(plan)?;
    let path = stocked.store();
    let millions = format!("{} records", stocked.records);
    let (opened, read): (Vec<_>, Vec<_>) =
        (0..TIMES).map(|_| bare(&path.join("store.redb"))).collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
    let (bare, read) = (Series::of(opened).median(), Series::of(read).median());
    for (name, find) in findings(stocked) {
        let cold = median(|| {
            let (found, seconds) =
                timed(|| Store::open(&path).doing("opening the store").and_then(|store| find(&store)))?;
            if found == 0 { Err(Failure::new(format!("{name}: nothing was found"))) } else { Ok(seconds) }
        })?;
        let limits = [("redb opens the file and reads 50 rows", bare)];
        report.note(Group::List, &format!("{name}, cold, {millions}"), Unit::Seconds, cold, &limits);
    }
    let store = Store::open(&path).doing("opening the store")?;
    for (name, find) in findings(stocked) {
        find(&store)?;
        let warm = median(|| timed(|| find(&store)).map(|(_, seconds)| seconds))?;
        report.note(Group::List, &format!("{name}, warm"), Unit::Seconds, warm, &[("redb reads 50 rows", read)]);
    }
    drop(store);
    processes(stocked, report, bare)
}

fn findings(stocked: &Stocked) -> Vec<(&'static str, Finding<'_>)> {
    let list = |text: String, sort: &'static str, kind: Option<Kind>| -> Finding<'_> {
        Box::new(move |store| {
            let query = parse(&text).doing("reading a filter")?;
            let sort = sort.parse().doing("reading an order")?;
            let filter = Filter { query, sort, kind, limit: PAGE, ..Filter::default() };
            Ok(store.list(&filter).doing("listing")?.len())
        })
    };
    let search = |text: &'static str| -> Finding<'_> {
        Box::new(move |store| Ok(store.search(text, None, PAGE).doing("searching")?.len()))
    };
    let rare = format!("address:person{}@example.org kind:contact", (stocked.records / 20) * 10 + 5);
    let middle: Finding<'_> = Box::new(move |store| {
        let after = format!("title.{}", middle_of_titles());
        let after = Some(after.parse().doing("reading a place")?);
        let sort = "title".parse().doing("reading an order")?;
        let filter = Filter { after, sort, limit: PAGE, ..Filter::default() };
        Ok(store.list(&filter).doing("listing")?.len())
    });
    let show: Finding<'_> = Box::new(|store| {
        let listed = store.listed(stocked.some).doing("looking")?;
        let document = store.document(listed.id).doing("opening a record")?;
        Ok(document.places().len() + store.saves(listed.id, 10).doing("reading saves")?.len())
    });
    vec![
        ("first 50 rows", list(String::new(), "-changed", None)),
        ("first 50 contacts", list(String::new(), "-changed", Some(Kind::Contact))),
        ("first 50 by title", list(String::new(), "title", None)),
        ("first 50 mails by date", list(String::new(), "-date", Some(Kind::Email))),
        ("50 rows from the middle, by title", middle),
        ("50 of a company", list(format!("company:=\"Company {}\"", COMPANIES / 2), "-changed", None)),
        ("50 of a part of a company's name", list("company:\"any 77\"".into(), "title", None)),
        ("a contact by its address", list(rare, "-changed", None)),
        ("tasks due in a month", list("due:2024-03".into(), "due", None)),
        ("show a record", show),
        ("search a common word", search("number")),
        ("search a rare word", search("meeting 4999")),
        ("numbers of records", Box::new(|store| Ok(store.counts().doing("counting")?.len()))),
    ]
}

/// A place behind titles that begin with “m”, in the middle of all.
fn middle_of_titles() -> String {
    let key: Vec<u8> = [b"m\0".as_slice(), &[0; 8]].concat();
    regard_core::id::to_hex(&key)
}

/// What it costs to open a file and to read as many rows as a page has, and what to read them again, with nothing around it.
fn bare(path: &Path) -> Result<(f64, f64), Failure> {
    const ROWS: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("projections");
    let read = |database: &Database| {
        let rows = database.begin_read()?.open_table(ROWS)?;
        let bytes = rows.iter()?.rev().take(PAGE).map(|row| row.map(|(_, value)| value.value().len()));
        bytes.sum::<Result<usize, redb::StorageError>>().map_err(redb::Error::from)
    };
    let opened = timed(|| {
        let database = Database::open(path)?;
        read(&database).map(|_| database)
    });
    let (database, opened) = opened.doing("reading from bare redb")?;
    let (_, again) = timed(|| read(&database)).doing("reading from bare redb")?;
    Ok((opened, again))
}

/// Whole commands, and a client that runs.
fn processes(stocked: &Stocked, report: &mut Report, bare: f64) -> Result<(), Failure> {
    let mut ana = Person::new("Ana", stocked.folder());
    let command = |ana: &Person, arguments: &[&str]| {
        median(|| {
            let (said, seconds) = timed(|| Ok::<_, Failure>(ana.does(arguments)))?;
            if said.code == Some(0) { Ok(seconds) } else { Err(Failure::new(said.stderr)) }
        })
    };
    let start = command(&ana, &["--version"])?;
    let limits = [("the program starts and ends", start), ("redb opens the file and reads 50 rows", bare)];
    let listed = command(&ana, &["--json", "list"])?;
    report.note(Group::List, "`regard list`, the whole command", Unit::Seconds, listed, &limits);
    let _ = command(&ana, &["offline"])?;
    ana.up();
    let listed = command(&ana, &["--json", "list"])?;
    report.note(Group::List, "`regard list` beside `regard up`", Unit::Seconds, listed, &limits[..1]);
    let told = || Failure::new("the system does not tell a process's memory");
    let memory = |ana: &Person| ana.peak_memory().map(as_float).ok_or_else(told);
    let aim = [("100 MB", MEMORY_AIM)];
    report.note(Group::List, "memory of `regard up`, offline, after lists", Unit::Bytes, memory(&ana)?, &aim);
    let _ = command(&ana, &["--json", "search", "number"])?;
    report.note(Group::List, "memory after a search", Unit::Bytes, memory(&ana)?, &aim);
    if stocked.records <= SENT_RECORDS_MAX {
        ana.stops();
        ana.up();
        let _ = command(&ana, &["online"])?;
        ana.settles();
        report.note(Group::List, "memory after sending all to its own relay", Unit::Bytes, memory(&ana)?, &aim);
    }
    ana.stops();
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "sizes here are far below 2^52")]
fn as_float(bytes: u64) -> f64 {
    bytes as f64
}

fn median(mut measure: impl FnMut() -> Result<f64, Failure>) -> Result<f64, Failure> {
    let values = (0..TIMES).map(|_| measure()).collect::<Result<Vec<_>, _>>()?;
    Ok(Series::of(values).median())
}
