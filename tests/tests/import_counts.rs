//! What the import finds in a corpus of real mail, cards and calendars, against an independent count with other parsers
//! (`tests/golden/count.py`). Every difference is listed with its explanation in `tests/golden/differences.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::path::Path;

use regard_core::id::{Actor, DocumentId};
use regard_core::import::{self, Format, Imported, Outcome, Skipped};
use regard_core::limits::{CHANGE_BYTES_MAX, CHANGE_OPS_MAX};
use regard_core::record::identity::{Identity, Namespace};
use regard_core::record::{Document, Kind};
use regard_core::time::Timestamp;
use regard_tests::corpus::{corpus, files};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

#[test]
fn the_import_finds_what_other_parsers_find() {
    let Some(corpus) = corpus("the_import_finds_what_other_parsers_find") else { return };
    let golden = golden("corpus-counts.json");
    let mut ours = BTreeMap::new();
    let mut distinct: BTreeMap<&str, BTreeSet<DocumentId>> = BTreeMap::new();
    for path in files(&corpus) {
        let Some(outcomes) = outcomes(&path) else { continue };
        let records: Vec<Imported> = outcomes.into_iter().filter_map(record).collect();
        for imported in &records {
            distinct.entry(imported.kind.name()).or_default().insert(document_id(imported));
        }
        let name = path.strip_prefix(&corpus).expect("a path below the corpus").to_string_lossy().into_owned();
        ours.insert(name, summary(&records));
    }
    let distinct: Map<String, Value> = distinct.iter().map(|(kind, ids)| ((*kind).into(), ids.len().into())).collect();
    ours.insert(DISTINCT.into(), distinct.into());

    let mut theirs: BTreeMap<String, Value> = golden["files"]
        .as_object()
        .expect("files")
        .iter()
        .map(|(name, counts)| (name.clone(), counts.clone()))
        .collect();
    theirs.insert(DISTINCT.into(), golden["distinct"].clone());
    let names: BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
    let found: Vec<Value> = names
        .into_iter()
        .filter(|name| theirs.get(*name) != ours.get(*name))
        .map(|name| json!({"file": name, "theirs": theirs.get(name), "ours": ours.get(name)}))
        .collect();
    compare(&found);
}

/// The entry for the number of distinct records in the whole corpus.
const DISTINCT: &str = "(distinct records of the whole corpus)";

fn compare(found: &[Value]) {
    let listed = golden("differences.json");
    let listed = listed.as_array().expect("a list of differences");
    let explained: Vec<Value> = listed
        .iter()
        .map(|entry| {
            assert!(entry["why"].as_str().is_some_and(|why| why.len() > 20), "no explanation: {entry}");
            json!({"file": entry["file"], "theirs": entry["theirs"], "ours": entry["ours"]})
        })
        .collect();
    let unlisted: Vec<_> = found.iter().filter(|entry| !explained.contains(entry)).collect();
    let gone: Vec<_> = explained.iter().filter(|entry| !found.contains(entry)).collect();
    let lines =
        |entries: &[&Value]| entries.iter().flat_map(|entry| ["\n  ".into(), entry.to_string()]).collect::<String>();
    assert!(
        unlisted.is_empty() && gone.is_empty(),
        "{} differences are not explained in differences.json:{}\n{} explained ones no longer occur:{}",
        unlisted.len(),
        lines(&unlisted),
        gone.len(),
        lines(&gone),
    );
}

#[test]
fn every_record_of_the_corpus_is_accepted() {
    let Some(corpus) = corpus("every_record_of_the_corpus_is_accepted") else { return };
    let actor = Actor::from_bytes(&[1; 20]).expect("an actor");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for path in files(&corpus) {
        for outcome in outcomes(&path).unwrap_or_default() {
            let imported = match outcome {
                Outcome::Record(imported) => imported,
                Outcome::Skipped(Skipped { reason, .. }) => {
                    *counts.entry(format!("skipped: {reason}")).or_default() += 1;
                    continue;
                }
            };
            *counts.entry(imported.kind.name().into()).or_default() += 1;
            let mut document = Document::new(imported.kind);
            let seeded = document.seed_notes(&imported.notes);
            assert!(seeded.is_ok(), "{}: {seeded:?}", path.display());
            let edited = document.edit(&imported.edits, &actor, Timestamp(0));
            let change = edited.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(change.is_none_or(|change| change.bytes.len() < CHANGE_BYTES_MAX), "{}", path.display());
            assert!((imported.edits.len() as u64) < CHANGE_OPS_MAX, "{}", path.display());
            for edit in &imported.edits {
                if let regard_core::record::Edit::Put { field, item, .. } = edit {
                    assert!(document.entries(field).contains_key(item), "{}: {edit:?} does not show", path.display());
                }
            }
        }
    }
    for (what, count) in counts {
        println!("{count:5} {what}");
    }
}

fn outcomes(path: &Path) -> Option<Vec<Outcome>> {
    let name = path.file_name()?.to_str()?;
    if !["eml", "mbox", "vcf", "ics"].contains(&name.rsplit_once('.')?.1) {
        return None;
    }
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(match Format::detect(name, &bytes)? {
        Format::Message => vec![import::message(&bytes)],
        Format::Mailbox => import::messages(BufReader::new(bytes.as_slice()))
            .map(|message| import::message(&message.unwrap_or_else(|error| panic!("{}: {error}", path.display()))))
            .collect(),
        Format::Cards => import::cards(&bytes),
        Format::Calendar => import::calendar(&bytes),
    })
}

fn record(outcome: Outcome) -> Option<Imported> {
    match outcome {
        Outcome::Record(imported) => Some(*imported),
        Outcome::Skipped(_) => None,
    }
}

fn document_id(imported: &Imported) -> DocumentId {
    imported.identity.document_id(imported.kind, &Namespace::from_bytes([0; Namespace::BYTES]))
}

/// The counts of one file in the form of `corpus-counts.json`.
fn summary(records: &[Imported]) -> Value {
    let mut summary = Map::new();
    for kind in Kind::ALL {
        let count = records.iter().filter(|imported| imported.kind == kind).count();
        if count > 0 {
            summary.insert(kind.name().into(), count.into());
        }
    }
    let mut known: Vec<String> = records
        .iter()
        .filter_map(|imported| match &imported.identity {
            Identity::Message { message_id, from, date } => Some(format!("{message_id}\0{from}\0{date}")),
            _ => None,
        })
        .collect();
    if !known.is_empty() {
        known.sort();
        if std::env::var_os("REGARD_SHOW_IDENTITIES").is_some() {
            println!("{known:#?}");
        }
        let digest = regard_core::id::to_hex(&Sha256::digest(known.join("\0")));
        summary.insert("known_by".into(), digest[..16].into());
    }
    summary.into()
}

fn golden(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
