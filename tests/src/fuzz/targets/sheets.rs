use regard_core::record::{Document, Edit, Kind, assignment, schema, sheet};

use super::records::{AT, FILLED, actor, document};
use crate::fuzz::{Form, Target};

pub(super) const TARGET: Target = Target {
    name: "sheets",
    promise: "a sheet is refused with its lines or merged, what it comes to can be written, written again it changes nothing, and \
              what others wrote meanwhile stays",
    form: Form::Text,
    words: &[
        b"full_name = \"Ana\"\n",
        b"# ",
        b"notes = \"\"\"\nx\n\"\"\"\n",
        b"[emails.\"a@x.org\"]\n",
        b"label = \"work\"\n",
        b"\"\"\"",
        b"'''",
        b"categories = [\"a\", \"b\"]\n",
        b"percent = 50\n",
        b"= true\n",
        b"due = 2026-11-22\n",
        b"\\u0000",
        b"\\",
        b"\"",
        b"{ a = 1 }",
        b" as of ",
        b"value = \"x\"\n",
        b"company = \"\"\n",
        b"[[",
        b"]]",
        b"1e9",
        b"\0",
        b"\xff",
        b"-9223372036854775808",
    ],
    seeds,
    run,
    short_run: 300,
};

/// The first line of an input says which record the sheet is of; else it is read for every kind.
fn run(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    let mut ways = Vec::new();
    for record in FILLED.iter() {
        let kind = record.kind();
        let said = Kind::ALL
            .into_iter()
            .find(|kind| text.lines().next().is_some_and(|line| line.contains(&format!(" {kind} "))));
        if said.is_some_and(|said| said != kind) {
            continue;
        }
        match sheet::read(kind, &text) {
            Ok(sheet) => ways.push(merged(record, &sheet)),
            Err(errors) => {
                let lines = text.lines().count() + 1;
                assert!(
                    errors.iter().all(|error| error.line.is_none_or(|line| (1..=lines).contains(&line))),
                    "{errors:?}"
                );
                ways.push(errors.first().map(|error| error.message.clone()).unwrap_or_default());
            }
        }
        let first = text.lines().next().unwrap_or_default();
        if let Ok(edit) = assignment::parse(kind, first) {
            let _ = record.clone().edit(&[edit], &actor(4), AT);
        }
    }
    ways.join("; ")
}

fn merged(record: &Document, sheet: &sheet::Sheet) -> String {
    let kind = record.kind();
    let base = match sheet.base() {
        Some(heads) => record.as_of(heads),
        None => Some(Document::new(kind)),
    };
    let Some(base) = base else { return "a base that is not there".into() };
    let mut now = record.clone();
    let theirs = Edit::Set(schema::title(kind).into(), "meanwhile".into());
    now.edit(&[theirs], &actor(5), AT).expect("somebody else writes");
    let merged = match sheet.merge(&base, &now, false) {
        Ok(merged) => merged,
        Err(errors) => return errors.first().map(|error| error.message.clone()).unwrap_or_default(),
    };
    let mut written = now.clone();
    written.edit(&merged.edits, &actor(6), AT).expect("what a sheet comes to can be written");
    if merged.conflicts.is_empty() && sheet.base().is_some() {
        let again = sheet.merge(&base, &written, false).expect("it can be merged again");
        assert_eq!(again.edits, Vec::new(), "and changes nothing more");
    }
    let touches_title = merged
        .edits
        .iter()
        .any(|edit| matches!(edit, Edit::Set(name, _) | Edit::Clear(name) if name == schema::title(kind)));
    if !touches_title {
        assert_eq!(written.text(schema::title(kind)), "meanwhile", "what others wrote stays");
    }
    format!("{kind} {} edits, {} conflicts", merged.edits.len().min(5), merged.conflicts.len().min(3))
}

fn seeds() -> Vec<Vec<u8>> {
    let written = FILLED.iter().map(|record| sheet::write(document(1), record).into_bytes());
    let empty = Kind::ALL.into_iter().map(|kind| sheet::empty(kind).into_bytes());
    written.chain(empty).chain([b"full_name=Ana\n".to_vec(), b"due=2026-11-22\n".to_vec()]).collect()
}
