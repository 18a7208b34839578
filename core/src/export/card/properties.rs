//! Random records and random cards, there and back.

use proptest::prelude::*;

use super::card;
use super::tests::{actor, import, record};
use crate::import::Imported;
use crate::record::schema::{self, Form};
use crate::record::{Document, Edit, Kind, Scalar};
use crate::time::Timestamp;

/// Text as a field of one line has it: with everything that a card must escape, and no space at the ends or two in a row,
/// which cards do not keep in lists.
fn line() -> impl Strategy<Value = String> {
    const CHARACTERS: &[char] = &[
        'a', 'B', 'z', '7', ' ', ',', ';', ':', '\\', '"', '\'', '^', '=', '/', '%', '#', '.', '-', '_', 'ß', '漢',
        '🙂',
    ];
    let character = prop::sample::select(CHARACTERS);
    prop::collection::vec(character, 1..40).prop_map(|characters| {
        let text: String = characters.into_iter().collect();
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.is_empty() { "x".to_owned() } else { words.join(" ") }
    })
}

fn moment() -> impl Strategy<Value = String> {
    prop_oneof![
        (1..9999_u16, 1..=12_u8, 1..=28_u8).prop_map(|(y, m, d)| format!("{y:04}-{m:02}-{d:02}")),
        (1..=12_u8, 1..=28_u8).prop_map(|(m, d)| format!("--{m:02}-{d:02}")),
        (1..=12_u8, prop::sample::select(vec!["", "Z", "+01:00", "-03:30", "[Europe/Berlin]"]))
            .prop_map(|(m, zone)| format!("2026-{m:02}-22T18:30:05{zone}")),
    ]
}

fn id() -> impl Strategy<Value = String> {
    any::<u64>().prop_map(|number| format!("0190c2f8-0000-8000-8000-{:012x}", number >> 16))
}

fn put(field: &str, item: &str, member: Option<&str>, value: impl Into<Scalar>) -> Edit {
    let member = member.map(str::to_owned);
    Edit::Put { field: field.into(), item: item.into(), member, value: value.into() }
}

fn members(field: &'static str, names: &'static [&'static str]) -> BoxedStrategy<Vec<Edit>> {
    let member = move |item: String| {
        let one = (prop::sample::select(names), line()).prop_map(move |(name, text)| {
            let value = if name == "preferred" { Scalar::Flag(true) } else { text.into() };
            put(field, &item, Some(name), value)
        });
        prop::collection::vec(one, 0..4)
    };
    match field {
        "addresses" => (line(), line(), prop::sample::select(&["work", "home", "Lager", "home 2", "2"][..]))
            // Without a part the text comes back as the street, too.
            .prop_flat_map(move |(whole, street, item)| {
                let there = vec![put(field, item, None, whole), put(field, item, Some("street"), street)];
                member(item.to_owned()).prop_map(move |more| [there.clone(), more].concat())
            })
            .boxed(),
        "related" => id()
            .prop_flat_map(move |id| {
                let there = vec![put(field, &id, None, id.as_str())];
                member(id).prop_map(move |more| [there.clone(), more].concat())
            })
            .boxed(),
        "categories" => line().prop_map(move |word| vec![put(field, &word, None, word.as_str())]).boxed(),
        _ => (line(), line())
            .prop_flat_map(move |(item, value)| {
                let there = vec![put(field, &item, None, value)];
                member(item).prop_map(move |more| [there.clone(), more].concat())
            })
            .boxed(),
    }
}

/// Edits of one field.
fn edits(kind: Kind) -> impl Strategy<Value = Vec<Edit>> {
    let fields: Vec<_> = schema::fields(kind).filter(|field| !["tracking", "unknown"].contains(&field.name)).collect();
    prop::sample::select(fields).prop_flat_map(|field| match field.form {
        Form::Moment => moment().prop_map(|text| vec![Edit::Set(field.name.into(), text.into())]).boxed(),
        Form::Link => id().prop_map(|text| vec![Edit::Set(field.name.into(), text.into())]).boxed(),
        Form::Notes => prop::collection::vec(line(), 1..4)
            .prop_map(|lines| vec![Edit::Set(field.name.into(), lines.join("\n").into())])
            .boxed(),
        Form::Entries(names) => members(field.name, names),
        _ => line().prop_map(|text| vec![Edit::Set(field.name.into(), text.into())]).boxed(),
    })
}

/// The edits of a record that has a name, which any card has.
fn record_edits() -> impl Strategy<Value = (Kind, Vec<Edit>)> {
    prop::sample::select(vec![Kind::Contact, Kind::Account, Kind::Lead]).prop_flat_map(|kind| {
        let edits = prop::collection::vec(edits(kind), 0..20);
        (line(), edits).prop_map(move |(name, edits)| {
            (kind, [vec![Edit::Set(schema::title(kind).into(), name.into())], edits.concat()].concat())
        })
    })
}

/// The fields as people would list them, without what only says how the card was written.
fn listed(record: &Document, with_unknown: bool) -> Vec<String> {
    let places = record.places().into_iter();
    let shown = places.filter(|(place, _)| with_unknown || !place.starts_with("unknown["));
    shown.map(|(place, shown)| format!("{place}={}", shown.winner.value)).collect()
}

/// What is imported, after it was exported and imported again.
fn again(imported: &Imported) -> Imported {
    import(&card(&record(imported)).expect("a card"))
}

/// Lines of cards, of every version, with what programs write into them.
const LINES: &[&str] = &[
    "FN:Ana",
    "FN;LANGUAGE=de:Änne",
    "FN:",
    "N:Doe;Ana;;;",
    "N;SORT-AS=\"D,A\":Doe;Ana,Bea;M;Dr.,Prof.;;x;y",
    "NICKNAME:Cara,Cari\\, C",
    "ORG;X-A=1:Harbour;a\\;b;c",
    "TITLE:Owner",
    "TITLE:Second",
    "BDAY:1980-05-21",
    "BDAY;VALUE=date:--0314",
    "BDAY;CALSCALE=gregorian:19800521T102030Z",
    "ANNIVERSARY:2001",
    "EMAIL;INTERNET;PREF:Ana@example.org",
    "EMAIL;TYPE=work:ana@example.org",
    "item1.EMAIL;PREF=3:b@example.org",
    "item1.X-ABLabel:_$!<Other>!$_",
    "item2.X-ABLabel:Nobody's",
    "TEL;VALUE=uri;TYPE=\"voice,cell\":tel:+1;ext=5",
    "TEL;HOME;FAX:1",
    "TEL:",
    "ADR;TYPE=home:PO;Ext;Street,2;City;;1;DE",
    "ADR;TYPE=home:;;Am Kai 8;;;;",
    "ADR;LABEL=\"a\\nb\":;;;;;;",
    "item1.ADR:;;x;;;;",
    "item1.X-ABADR:de",
    "URL;TYPE=PREF:https://example.org/a,b;c",
    "URL:https://example.org/a,b;c",
    "CATEGORIES:b,a",
    "CATEGORIES;X-A=1:c",
    "NOTE:one\\n",
    "NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=ISO-8859-1:gr=FCn=0D=0A",
    "UID;VALUE=text:7",
    "KIND:individual",
    "KIND:org",
    "X-ABShowAs:COMPANY",
    "X-REGARD-KIND:lead",
    "X-REGARD-TOPIC:Beans",
    "X-REGARD-OWNER;X-A=1:Ben",
    "X-REGARD-PARENT:nowhere",
    "X-REGARD-RELATED;TYPE=a:0190c2f8-0000-8000-8000-000000000001",
    "PHOTO;ENCODING=b;TYPE=JPEG:/9j/",
    "KEY;ENCODING=BASE64:AAAA",
    "X-FOO;ENCODING=BASE64:/9j/",
    "X-FOO;A=\"b,c\";B:d\\,e",
    "X-FOO:",
    "X-Bär Tür;A=1:x",
    "GEO:1;2",
    "AGENT:BEGIN:VCARD\\nFN:x\\nEND:VCARD",
    "IMPP;X-SERVICE-TYPE=Skype:skype:ana",
    "REV:2026-01-01T00:00:00Z",
    "no property",
];

fn says_kind(line: &str) -> bool {
    ["KIND:org", "X-ABShowAs:COMPANY", "X-REGARD-KIND:lead"].contains(&line)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_record_comes_back_with_its_fields((kind, edits) in record_edits()) {
        let mut record = Document::new(kind);
        record.edit(&edits, &actor(), Timestamp(0)).expect("the edits");
        let written = card(&record).expect("a card");
        let imported = import(&written);
        prop_assert_eq!(imported.kind, kind);
        prop_assert_eq!(listed(&super::tests::record(&imported), true), listed(&record, true), "{}", written);
    }

    #[test]
    fn a_card_comes_back_with_its_properties(
        version in prop::sample::select(vec!["2.1", "3.0", "4.0"]),
        lines in prop::collection::vec(prop::sample::select(LINES), 0..24),
    ) {
        let imported = import(&format!("BEGIN:VCARD\nVERSION:{version}\n{}\nEND:VCARD\n", lines.join("\n")));
        let again = again(&imported);
        prop_assert_eq!(again.kind, imported.kind);
        prop_assert_eq!(listed(&record(&again), true), listed(&record(&imported), true));
    }

    #[test]
    fn changes_of_an_imported_record_show_in_its_card(
        lines in prop::collection::vec(prop::sample::select(LINES).prop_filter("a contact", |line| !says_kind(line)), 0..24),
        changes in prop::collection::vec(edits(Kind::Contact), 1..8),
    ) {
        let imported = import(&format!("BEGIN:VCARD\nFN:Ana\n{}\nEND:VCARD\n", lines.join("\n")));
        let mut record = record(&imported);
        record.edit(&changes.concat(), &actor(), Timestamp(0)).expect("the changes");
        let written = card(&record).expect("a card");
        let again = super::tests::record(&import(&written));
        prop_assert_eq!(listed(&again, false), listed(&record, false), "{}", written);
    }
}
