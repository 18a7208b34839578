//! Lists, searches and names as people type them, also through a running `regard up`.

use regard_tests::harness::{Person, Transcript};
use serde_json::Value;

/// A person with a few records of all kinds.
fn ana(folder: &std::path::Path) -> Person {
    let ana = Person::founds("Ana", folder);
    let add = |arguments: &[&str]| drop(ana.asks(&[&["add"], arguments].concat()));
    add(&["account", "name=Hotel Aurora", "emails+=info@aurora.example"]);
    add(&[
        "contact",
        "full_name=Carla Nunes",
        "company=Hotel Aurora",
        "parent=hotel aurora",
        "emails+=carla@aurora.example",
    ]);
    add(&["contact", "full_name=Ben Okafor", "company=Nordlicht", "categories+=vip"]);
    add(&["task", "summary=Send the price list", "due=2026-11-27", "regarding=carla@aurora.example", "percent=50"]);
    add(&[
        "email",
        "subject=Offer for Aurora",
        "from=Ana <ana@x.example>",
        "to=carla@aurora.example",
        "date=2026-11-20T09:00:00Z",
    ]);
    ana
}

#[test]
fn lists_and_searches_answer_what_is_typed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ana = ana(folder.path());
    let mut transcript = Transcript::of(&ana, folder.path());
    transcript.types(&["list", "contact", "--sort", "title"]);
    transcript.types(&["list", "company:aurora", "not", "tag:vip"]);
    transcript.types(&["list", "regarding:\"Carla Nunes\" percent:>=50", "--columns", "id,title,percent,date"]);
    transcript.types(&["list", "address:carla@aurora.example", "--sort", "title", "--columns", "kind,title,address"]);
    transcript.types(&["list", "date:2026-11-20..2026-11-30", "--sort", "-date", "--columns", "title,date"]);
    transcript.types(&["list", "kind:lead"]);
    transcript.types(&["list", "--sort", "title", "--limit", "2", "--columns", "title"]);
    transcript.types(&["search", "aurora", "--kind", "contact"]);
    transcript.types(&["search", "PRICE", "send"]);
    transcript.types(&["search", "nothing"]);
    insta::assert_snapshot!("finding", transcript.masked());
}

#[test]
fn what_is_wrong_in_a_filter_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ana = ana(folder.path());
    let mut transcript = Transcript::of(&ana, folder.path());
    transcript.types(&["list", "contact", "compnay:x"]);
    transcript.types(&["list", "due:<soon"]);
    transcript.types(&["list", "regarding:nobody"]);
    transcript.types(&["list", "--sort", "size"]);
    transcript.types(&["list", "--columns", "title,shoe_size"]);
    transcript.types(&["list", "--after", "changed.00"]);
    transcript.types(&["search"]);
    insta::assert_snapshot!("finding_faults", transcript.masked());
}

#[test]
fn a_record_is_named_by_what_it_is_called_and_several_are_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ana = ana(folder.path());
    let mut transcript = Transcript::of(&ana, folder.path());
    transcript.types(&["edit", "ben okafor", "job_title=Buyer"]);
    transcript.types(&["edit", "CARLA@aurora.example", "job_title=Cook"]);
    transcript.types(&["delete", "send the"]);
    transcript.types(&["undelete", "Send the price list"]);
    let _: Value = ana.asks(&["add", "contact", "full_name=Ben Okafor"]);
    transcript.types(&["edit", "ben okafor", "job_title=Cook"]);
    transcript.types(&["delete", "Ben"]);
    transcript.types(&["show", "50% / off?"]);
    insta::assert_snapshot!("finding_names", transcript.masked());
    let buyers = ana.asks(&["list", "job_title:=buyer"]);
    assert_eq!(buyers["records"].as_array().map(Vec::len), Some(1), "{buyers}");
}

#[test]
fn a_list_goes_on_where_it_ended_while_records_change() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut ana = Person::founds("Ana", folder.path());
    let expected: Vec<String> = (0..9).map(|number| format!("Task {number}")).collect();
    for title in &expected {
        let _: Value = ana.asks(&["add", "task", &format!("summary={title}")]);
    }
    ana.up();
    let (mut titles, mut after) = (Vec::new(), None::<String>);
    loop {
        let place: Vec<&str> = after.iter().flat_map(|after| ["--after", after]).collect();
        let list = ana.asks(&[&["list", "--sort", "title", "--limit", "4"], place.as_slice()].concat());
        let records = list["records"].as_array().expect("records").clone();
        titles.extend(records.iter().map(|record| record["title"].as_str().expect("a title").to_owned()));
        assert_eq!(list["more"] == true, list["next"].is_string(), "{list}");
        let Some(next) = list["next"].as_str() else { break };
        after = Some(next.to_owned());
        // What is listed already goes, and something comes before the place.
        let _: Value = ana.asks(&["delete", records[0]["id"].as_str().expect("an id")]);
        let _: Value = ana.asks(&["add", "task", "summary=A task"]);
    }
    ana.stops();
    assert_eq!(titles, expected);
}
