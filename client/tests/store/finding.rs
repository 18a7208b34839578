//! Lists are what a filter says, in their order, whatever way they are found.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use regard_client::query::{Now, parse};
use regard_client::store::{By, Cursor, Filter, Found, Page, Sort, Work};
use regard_core::id::DocumentId;
use regard_core::record::{Edit, Kind, Scalar};
use regard_core::time::Timestamp;

use super::{Home, Save, SystemEntropy, set};

/// Monday, 23 November 2026, noon in UTC.
const NOON: i64 = 1_795_435_200_000;

fn filter(text: &str) -> Filter {
    let now = Some(Now { at: Timestamp(NOON), zone: TimeZone::UTC });
    Filter { query: parse(text).expect(text), now, limit: 1_000, ..Filter::default() }
}

fn put(field: &str, item: &str) -> Edit {
    Edit::Put { field: field.into(), item: item.into(), member: None, value: item.into() }
}

/// An office with a few records of each kind, each saved a minute after the one before.
struct Office {
    home: Home,
    made: Vec<(&'static str, DocumentId)>,
    minutes: i64,
}

impl Office {
    fn new() -> Self {
        let mut office = Self { home: Home::ana(), made: Vec::new(), minutes: 0 };
        office.add("aurora", Kind::Account, vec![set("name", "Hotel Aurora"), put("emails", "info@aurora.example")]);
        let parent = office.id("aurora").to_string();
        let carla = vec![
            set("full_name", "Carla Nunes"),
            set("company", "Acme, Inc"),
            set("parent", &parent),
            put("emails", "Carla@acme.example"),
            put("categories", "VIP"),
            set("job_title", "Buyer"),
        ];
        office.add("carla", Kind::Contact, carla);
        let regarding = office.id("carla").to_string();
        office.add("ben", Kind::Contact, vec![set("full_name", "Ben Okafor"), set("company", "Acme")]);
        office.add("zoe", Kind::Contact, vec![set("full_name", "Zoë Ångström"), put("categories", "vip-old")]);
        let offer = vec![
            set("subject", "Offer for Acme"),
            set("from", "Ana <ana@ceramics.example>"),
            set("to", "Carla Nunes <carla@acme.example>"),
            set("date", "2026-11-20T09:00:00Z"),
            set("message_id", "1@x.example"),
            set("regarding", &regarding),
        ];
        office.add("offer", Kind::Email, offer);
        let call = vec![
            set("summary", "Call"),
            set("due", "2026-11-27"),
            set("status", "open"),
            Edit::Set("percent".into(), Scalar::Whole(50)),
        ];
        office.add("call", Kind::Task, call);
        office.add("late", Kind::Task, vec![set("summary", "Late"), set("due", "2026-11-22T23:30:00-05:00")]);
        office.add("someday", Kind::Task, vec![set("summary", "Someday")]);
        office.add(
            "visit",
            Kind::Appointment,
            vec![set("summary", "Visit"), set("start", "2026-12-01T10:00:00[Europe/Lisbon]"), set("location", "Porto")],
        );
        office.add("lead", Kind::Lead, vec![set("topic", "Tiles"), set("company", "Acme"), set("owner", "Ana")]);
        office.add("gone", Kind::Lead, vec![set("topic", "Gone"), set("company", "Acme")]);
        office.does("gone", Edit::Delete);
        office
    }

    fn id(&self, name: &str) -> DocumentId {
        self.made.iter().find(|(known, _)| *known == name).expect(name).1
    }

    fn save(&mut self, work: Work) {
        self.minutes += 1;
        let at = Timestamp(NOON - 3_600_000 + self.minutes * 60_000);
        self.home.store.save(Save { at, works: vec![work] }, &mut SystemEntropy).expect("a save");
    }

    fn add(&mut self, name: &'static str, kind: Kind, edits: Vec<Edit>) {
        let id = DocumentId::random(&mut SystemEntropy);
        self.made.push((name, id));
        self.save(Work::Create { id, kind, notes: String::new(), edits });
    }

    fn does(&mut self, name: &str, edit: Edit) {
        let id = self.id(name);
        self.save(Work::Edit { id, edits: vec![edit] });
    }

    fn names(&self, page: &Page) -> Vec<&'static str> {
        let name = |id: DocumentId| self.made.iter().find(|(_, known)| *known == id).expect("a record").0;
        page.records.iter().map(|listed| name(listed.id)).collect()
    }

    #[track_caller]
    fn lists(&self, text: &str, expected: &[&str]) {
        let found = self.home.store.page(&filter(text)).expect(text);
        let (found, expected): (BTreeSet<_>, BTreeSet<_>) =
            (self.names(&found).into_iter().collect(), expected.iter().copied().collect());
        assert_eq!(found, expected, "{text}");
    }

    #[track_caller]
    fn sorts(&self, sort: &str, kind: Option<Kind>, expected: &[&str]) {
        let whole = Filter { sort: sort.parse().expect(sort), kind, ..filter("") };
        let page = self.home.store.page(&whole).expect(sort);
        assert_eq!(self.names(&page), expected, "{sort}");
        // Part by part it is the same, from the index as from the known few.
        for query in ["", "is:unsent"] {
            let (mut after, mut names) = (None, Vec::new());
            loop {
                let part = Filter { limit: 2, after, query: parse(query).expect(query), ..whole.clone() };
                let page = self.home.store.page(&part).expect(sort);
                names.extend(self.names(&page));
                let Some(next) = page.next else { break };
                after = Some(next.to_string().parse::<Cursor>().expect("a place"));
            }
            assert_eq!(names, expected, "{sort} {query}");
        }
    }
}

#[test]
fn a_filter_finds_what_it_says() {
    let office = Office::new();
    let all = ["aurora", "carla", "ben", "zoe", "offer", "call", "late", "someday", "visit", "lead"];
    office.lists("", &all);
    office.lists("acme", &["carla", "ben", "offer", "lead"]);
    office.lists("ACME offer", &["offer"]);
    office.lists("kind:contact", &["carla", "ben", "zoe"]);
    office.lists("not kind:contact -kind:task", &["aurora", "offer", "visit", "lead"]);
    office.lists("company:acme", &["carla", "ben", "lead"]);
    office.lists("company:=acme", &["ben", "lead"]);
    office.lists("company:=\"Acme, Inc\"", &["carla"]);
    office.lists("kind:contact company:=\"\"", &["zoe"]);
    office.lists("kind:contact -company:acme", &["zoe"]);
    office.lists("tag:vip", &["carla"]);
    office.lists("title:ångström", &["zoe"]);
    office.lists("full_name:carla", &["carla"]);
    office.lists("address:carla@ACME.example", &["carla", "offer"]);
    office.lists("email:example -email:acme", &["aurora"]);
    office.lists("from:ana", &["offer"]);
    office.lists("to:carla", &["offer"]);
    office.lists("message-id:<1@x.example>", &["offer"]);
    office.lists("message_id:=1@X.example", &["offer"]);
    office.lists("job_title:buy", &["carla"]);
    office.lists("percent:>=50 percent:..60", &["call"]);
    office.lists("percent:>50", &[]);
    office.lists("owner:ana", &["lead"]);
    office.lists("location:porto status:=\"\"", &["visit"]);
    office.lists(&format!("regarding:{}", office.id("carla")), &["offer"]);
    office.lists(&format!("parent:{}", office.id("aurora")), &["carla"]);
    office.lists("kind:contact -regarding:=\"\"", &[]);
    office.lists("is:deleted", &["gone"]);
    office.lists("-is:deleted kind:lead", &["lead"]);
    office.lists("is:conflict", &[]);
    office.lists("is:unsent", &all);
}

#[test]
fn dates_are_compared_as_the_person_means_them() {
    let mut office = Office::new();
    office.lists("due:friday", &["call"]);
    office.lists("due:<friday", &["late"]);
    office.lists("due:<=friday", &["call", "late"]);
    // Half past eleven in the evening of the 22nd in New York is the 23rd in UTC.
    office.lists("due:today", &["late"]);
    office.lists("date:2026-11", &["offer", "call", "late"]);
    office.lists("date:2026-11-21..", &["call", "late", "visit"]);
    office.lists("start:>2026-11", &["visit"]);
    office.lists("kind:task due:=\"\"", &["someday"]);
    office.lists("changed:<yesterday", &[]);
    office.does("ben", set("job_title", "Boss"));
    office.lists("changed:>=2026-11-23T11:13Z", &["ben"]);
    let west = Filter {
        now: Some(Now { at: Timestamp(NOON), zone: TimeZone::get("America/New_York").expect("a zone") }),
        ..filter("due:2026-11-22")
    };
    assert_eq!(office.names(&office.home.store.page(&west).expect("a list")), ["late"]);
}

#[test]
fn every_order_is_the_same_as_a_whole_and_in_parts() {
    let mut office = Office::new();
    office.does("ben", set("job_title", "Boss"));
    office.sorts(
        "-changed",
        None,
        &["ben", "lead", "visit", "someday", "late", "call", "offer", "zoe", "carla", "aurora"],
    );
    office.sorts("changed", Some(Kind::Contact), &["carla", "zoe", "ben"]);
    office.sorts("title", Some(Kind::Contact), &["ben", "carla", "zoe"]);
    office.sorts(
        "-title",
        None,
        &["zoe", "visit", "lead", "someday", "offer", "late", "aurora", "carla", "call", "ben"],
    );
    office.sorts("added", Some(Kind::Task), &["call", "late", "someday"]);
    office.sorts(
        "-added",
        None,
        &["lead", "visit", "someday", "late", "call", "offer", "zoe", "ben", "carla", "aurora"],
    );
    office.sorts("due", Some(Kind::Task), &["late", "call", "someday"]);
    office.sorts("-due", Some(Kind::Task), &["call", "late", "someday"]);
    office.sorts("date", None, &["offer", "late", "call", "visit", "lead", "someday", "zoe", "ben", "carla", "aurora"]);
    let sort = Sort { by: By::Title, descending: false };
    let after = office.home.store.page(&Filter { limit: 1, ..filter("") }).expect("a list").next;
    let wrong = office.home.store.page(&Filter { sort, after, ..filter("") });
    assert!(wrong.is_err_and(|error| error.to_string().contains("sorted by -changed")));
}

#[test]
fn counts_and_index_follow_what_happens_and_checks_agree() {
    let mut office = Office::new();
    let count = |office: &Office, kind| {
        office
            .home
            .store
            .counts()
            .expect("counts")
            .into_iter()
            .find(|(known, _)| *known == kind)
            .map(|(_, count)| count)
    };
    assert_eq!((count(&office, Kind::Lead), count(&office, Kind::Contact)), (Some(1), Some(3)));
    office.does("gone", Edit::Restore);
    office.does("ben", Edit::Delete);
    office.does("carla", set("company", "Another"));
    office.does("carla", Edit::Remove { field: "emails".into(), item: "Carla@acme.example".into() });
    assert_eq!((count(&office, Kind::Lead), count(&office, Kind::Contact)), (Some(2), Some(2)));
    office.lists("company:acme", &["lead", "gone"]);
    office.lists("company:another", &["carla"]);
    office.lists("address:carla@acme.example", &["offer"]);
    let check = office.home.store.check().expect("a check");
    assert!(check.is_sound(), "{check:?}");
}

#[test]
fn a_row_that_is_missing_from_the_index_is_told() {
    let office = Office::new();
    let path = office.home.path().join("store.redb");
    let home = office.home.reopened_after(|_| {
        let table: redb::TableDefinition<'_, &[u8], ()> = redb::TableDefinition::new("index");
        let database = redb::Database::open(&path).expect("the file");
        let writing = database.begin_write().expect("writing");
        writing.open_table(table).expect("the table").pop_first().expect("a row");
        writing.commit().expect("committed");
    });
    let damage = home.store.check().expect("a check").damage;
    assert_eq!(damage.len(), 2, "{damage:?}");
    assert!(damage.iter().any(|damage| damage.contains("is not in the index where it is looked for")), "{damage:?}");
}

#[test]
fn words_find_the_best_first() {
    let mut office = Office::new();
    office.add("acme", Kind::Account, vec![set("name", "Acme")]);
    office.add("inside", Kind::Task, vec![set("summary", "Pacme")]);
    let search = |text, kind| {
        let records = office.home.store.search(text, kind, 10).expect(text);
        office.names(&Page { records, ..Page::default() })
    };
    assert_eq!(search("acme", None), ["acme", "offer", "inside", "lead", "ben", "carla"]);
    assert_eq!(search("ACME nunes", None), ["carla"]);
    assert_eq!(search("ångstr", None), ["zoe"]);
    assert_eq!(search("acme", Some(Kind::Contact)), ["ben", "carla"]);
    assert_eq!(search("carla@acme", None), ["offer", "carla"]);
    assert!(search("nothing", None).is_empty() && search("  ", None).is_empty());
    assert_eq!(office.home.store.search("acme", None, 2).expect("two").len(), 2);
}

#[test]
fn a_name_is_one_record_or_several_are_told() {
    let mut office = Office::new();
    let finds = |office: &Office, text: &str| match office.home.store.find(text).expect(text) {
        Found::One(id) => {
            office.names(&Page { records: vec![office.home.store.listed(id).expect("it")], ..Page::default() })
        }
        Found::Several(records) => office.names(&Page { records, ..Page::default() }),
        Found::None => Vec::new(),
    };
    assert_eq!(finds(&office, "carla nunes"), ["carla"]);
    assert_eq!(finds(&office, "CARLA@acme.example"), ["carla"], "a mail is not called by who got it");
    assert_eq!(finds(&office, "hotel"), ["aurora"]);
    assert_eq!(finds(&office, "oka be"), ["ben"]);
    assert_eq!(finds(&office, "acme"), ["offer"], "only titles have names");
    assert_eq!(finds(&office, "gone"), ["gone"], "a deleted one where no live one is called so");
    assert!(finds(&office, "nobody").is_empty() && finds(&office, "").is_empty());
    office.add("second", Kind::Contact, vec![set("full_name", "Gone")]);
    assert_eq!(finds(&office, "gone"), ["second"]);
    office.add("third", Kind::Contact, vec![set("full_name", "Carla Nunes")]);
    assert_eq!(finds(&office, "Carla Nunes"), ["carla", "third"]);
    // A title that is the beginning of another record's id.
    let hex = office.id("visit").to_hex();
    let shown = office.home.store.listed(office.id("visit")).expect("it").prefix;
    assert_eq!(finds(&office, &hex[..shown.max(4)]), ["visit"]);
    let title: &'static str = Box::leak(hex[..shown.max(4)].to_owned().into_boxed_str());
    office.add("alike", Kind::Task, vec![set("summary", title)]);
    assert_eq!(finds(&office, title), ["visit", "alike"]);
    assert_eq!(finds(&office, &hex), ["visit"]);
    assert_eq!(office.home.store.find_among("Carla Nunes", Some(Kind::Account)).expect("a look"), Found::None);
}
