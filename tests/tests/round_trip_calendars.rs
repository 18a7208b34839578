//! Calendars that are imported and exported again: the record is the same, and no property, parameter or part of the file is lost.
//!
//! What is compared is read by a small reader of this test's own, not by Regard's. Two files say the same where they differ only in
//!
//! - DTSTAMP, PRODID and VERSION, which say who wrote the file and when;
//! - the order of properties, of parameters, and of the values of CATEGORIES and EXDATE, and on how many lines these stand;
//! - quotes around parameters, capitals in names, and escapes in text that mean the same character;
//! - definitions of time zones that the record does not use, and second ones of the same name;
//! - components that the import skips, each with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regard_core::export;
use regard_core::id::Actor;
use regard_core::import::{self, Imported, Outcome};
use regard_core::record::{Document, Edit};
use regard_core::time::Timestamp;
use regard_tests::corpus::{corpus, files};

#[test]
fn what_is_exported_imports_as_the_same_record() {
    let Some(corpus) = corpus("what_is_exported_imports_as_the_same_record") else { return };
    let mut count = 0;
    for path in calendars(&corpus) {
        for imported in records(&std::fs::read(&path).expect("a file of the corpus")) {
            let text = exported(&imported);
            let again = records(text.as_bytes());
            let [again] = again.as_slice() else { panic!("{}: {} records of\n{text}", path.display(), again.len()) };
            assert_eq!(sorted(again), sorted(&imported), "{}:\n{text}", path.display());
            count += 1;
        }
    }
    println!("{count} records");
    assert!(count > 700, "{count}");
}

#[test]
fn no_property_of_a_calendar_is_lost() {
    let Some(corpus) = corpus("no_property_of_a_calendar_is_lost") else { return };
    let (mut compared, mut lost) = (0, Vec::new());
    for path in calendars(&corpus) {
        let bytes = std::fs::read(&path).expect("a file of the corpus");
        // The import decodes files in other character sets; this reader does not.
        let Ok(original) = String::from_utf8(bytes.clone()) else { continue };
        let outcomes = import::calendar(&bytes);
        let mut older = outcomes.iter().filter(|outcome| is_older(outcome)).count();
        let exported: Vec<Component> =
            records(&bytes).iter().flat_map(|record| components(&exported(record))).collect();
        for component in components(&original).iter().filter(|component| component.is_record()) {
            compared += component.facts.len() + component.around.len();
            let missing = exported.iter().filter(|other| other.known_by == component.known_by);
            let missing = missing.map(|other| component.missing_in(other)).min_by_key(Vec::len);
            match missing {
                Some(missing) if missing.is_empty() => {}
                _ if older > 0 => older -= 1,
                missing => lost.push(format!("{}: {} {missing:#?}", path.display(), component.known_by)),
            }
        }
    }
    println!("{compared} properties compared");
    assert!(compared > 10_000, "{compared}");
    assert!(lost.is_empty(), "{} components have lost something:\n{}", lost.len(), lost.join("\n"));
}

/// Of two with one UID in one file the import keeps the newer one, and says so.
fn is_older(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Skipped(skipped) if skipped.reason.contains("the same UID"))
}

fn calendars(corpus: &Path) -> Vec<std::path::PathBuf> {
    let mut found = files(corpus);
    found.retain(|path| path.extension().is_some_and(|extension| extension == "ics"));
    found
}

fn records(bytes: &[u8]) -> Vec<Imported> {
    let outcomes = import::calendar(bytes).into_iter();
    outcomes.filter_map(|outcome| if let Outcome::Record(record) = outcome { Some(*record) } else { None }).collect()
}

fn exported(imported: &Imported) -> String {
    let mut document = Document::new(imported.kind);
    document.seed_notes(&imported.notes).expect("notes within their bound");
    let actor = Actor::from_bytes(&[1; 20]).expect("an actor");
    document.edit(&imported.edits, &actor, Timestamp(1_700_000_000_000)).expect("edits that a record takes");
    export::calendar(&document).expect("a kind that calendars hold")
}

/// What the record is, as far as a calendar can hold it: a line that is no property stays behind.
fn sorted(imported: &Imported) -> (String, Vec<String>) {
    let is_property = |edit: &&Edit| !matches!(edit, Edit::Put { item, .. } if item.starts_with("no property"));
    let mut edits: Vec<String> = imported.edits.iter().filter(is_property).map(|edit| format!("{edit:?}")).collect();
    edits.sort();
    (format!("{} {:?} {}", imported.kind, imported.identity, imported.notes), edits)
}

/// A component of a file with everything that it says, as this test reads it.
#[derive(Default)]
struct Component {
    name: String,
    /// Name, UID and RECURRENCE-ID.
    known_by: String,
    /// Its properties and those of its parts: the parts around each, its name, its parameters in order, its value.
    facts: Vec<String>,
    /// Properties of its calendar, and definitions of the time zones that it uses.
    around: Vec<String>,
    /// The names of these time zones.
    zones: BTreeSet<String>,
}

impl Component {
    fn is_record(&self) -> bool {
        ["VEVENT", "VTODO"].contains(&self.name.as_str())
    }

    fn missing_in(&self, other: &Self) -> Vec<String> {
        let mut left: Vec<&String> = other.facts.iter().chain(&other.around).collect();
        let mut missing = Vec::new();
        for fact in self.facts.iter().chain(&self.around) {
            match left.iter().position(|other| *other == fact) {
                Some(at) => drop(left.swap_remove(at)),
                None => missing.push(fact.clone()),
            }
        }
        missing
    }
}

/// All components that stand in a calendar, or in each other where an END is missing.
fn components(text: &str) -> Vec<Component> {
    let mut done: Vec<Component> = Vec::new();
    // The names of what is open, and the component to which each belongs.
    let mut open: Vec<(String, usize)> = Vec::new();
    for line in unfolded(text) {
        let Some((name, params, value)) = apart(&line) else { continue };
        match name.as_str() {
            "BEGIN" => {
                let name = value.trim().to_uppercase();
                let is_own = open.len() < 2 || ["VEVENT", "VTODO"].contains(&name.as_str());
                let at = if is_own { done.len() } else { open[open.len() - 1].1 };
                if is_own {
                    done.push(Component { name: name.clone(), ..Component::default() });
                }
                open.push((name, at));
            }
            "END" => drop(open.pop()),
            "DTSTAMP" | "PRODID" | "VERSION" => {}
            _ => {
                let Some((_, at)) = open.last() else { continue };
                let parts: Vec<&str> = open.iter().filter(|(_, of)| of == at).map(|(part, _)| part.as_str()).collect();
                let component = &mut done[*at];
                component
                    .zones
                    .extend(params.iter().filter_map(|param| param.strip_prefix("TZID=").map(str::to_owned)));
                if parts.len() == 1 && ["UID", "RECURRENCE-ID", "TZID"].contains(&name.as_str()) {
                    component.known_by = format!("{} {name}={value}", component.known_by);
                }
                let values =
                    if ["CATEGORIES", "EXDATE"].contains(&name.as_str()) { listed(&value) } else { vec![value] };
                component.facts.extend(values.iter().map(|value| fact(&parts, &name, &params, value)));
            }
        }
    }
    with_surroundings(done)
}

/// Gives each event and to-do what belongs to its calendar.
fn with_surroundings(mut components: Vec<Component>) -> Vec<Component> {
    let (mut calendar, mut zones) = (Vec::new(), BTreeMap::new());
    let mut around = Vec::new();
    // A calendar may define its zones behind its events: each looks at all between two calendars.
    for at in 0..components.len() {
        if components[at].name == "VCALENDAR" {
            calendar.clone_from(&components[at].facts);
            zones.clear();
            let rest = components[at + 1..].iter().take_while(|component| component.name != "VCALENDAR");
            for zone in rest.filter(|component| component.name == "VTIMEZONE") {
                zones
                    .entry(zone.known_by.trim_start_matches(" TZID=").to_owned())
                    .or_insert_with(|| zone.facts.clone());
            }
        }
        let used = components[at].zones.iter().filter_map(|zone| zones.get(zone)).flatten();
        around.push(calendar.iter().chain(used).cloned().collect());
    }
    for (component, around) in components.iter_mut().zip(around) {
        component.around = around;
        component.known_by.insert_str(0, &component.name.clone());
    }
    components
}

fn unfolded(text: &str) -> Vec<String> {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let mut lines: Vec<String> = Vec::new();
    for line in text.split('\n') {
        match (lines.last_mut(), line.strip_prefix([' ', '\t'])) {
            (Some(last), _) if last.ends_with('=') && last.contains("QUOTED-PRINTABLE") => {
                last.pop();
                last.push_str(line);
            }
            (Some(last), Some(more)) => last.push_str(more),
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

/// The values of a list: commas that are escaped separate nothing.
fn listed(value: &str) -> Vec<String> {
    value.replace("\\,", "\u{1}").split(',').map(|value| value.replace('\u{1}', ",")).collect()
}

fn fact(parts: &[&str], name: &str, params: &[String], value: &str) -> String {
    let value = value.replace("\\;", ";").replace("\\,", ",").replace("\\N", "\\n");
    format!("{} {name} {params:?} {value}", parts.join("/"))
}

fn apart(line: &str) -> Option<(String, Vec<String>, String)> {
    let mut is_quoted = false;
    let colon = line.find(|c| {
        is_quoted ^= c == '"';
        c == ':' && !is_quoted
    })?;
    let (head, value) = (&line[..colon], &line[colon + 1..]);
    let mut pieces: Vec<String> = vec![String::new()];
    for c in head.chars() {
        is_quoted ^= c == '"';
        if c == ';' && !is_quoted {
            pieces.push(String::new());
        } else if c != '"' {
            pieces.last_mut()?.push(c);
        }
    }
    let mut params = pieces.split_off(1);
    for param in &mut params {
        if let Some((name, value)) = param.clone().split_once('=') {
            *param = format!("{}={}", name.trim().to_uppercase(), value.trim());
        }
    }
    params.sort();
    Some((pieces[0].trim().to_uppercase(), params, value.to_owned()))
}
