//! Importing again what was imported before.

use regard_tests::corpus::corpus;
use regard_tests::harness::{Person, stores};
use serde_json::json;

#[test]
fn importing_the_corpus_again_changes_nothing() {
    let Some(corpus) = corpus("importing_the_corpus_again_changes_nothing") else { return };
    let corpus = corpus.display().to_string();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ana = Person::founds("Ana", folder.path());
    let first = ana.asks(&["import", &corpus]);
    let waiting = ana.asks(&["status"])["outbox"].clone();
    let before = stores::held(ana.folder());
    assert!(before.records() > 1_000, "{first}");

    let again = ana.asks(&["import", &corpus]);
    assert_eq!(again["summary"]["created"], json!({}), "{again}");
    assert_eq!(again["skipped"], first["skipped"], "what cannot be read is told again");
    assert_eq!(ana.asks(&["status"])["outbox"], waiting, "nothing new waits to be sent");
    assert_eq!(stores::held(ana.folder()), before, "same records, same heads, same changes");
}
