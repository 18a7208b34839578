//! The documents are true: everything that a reader is told to type is typed, in a clean home, and says what is shown.
//!
//! A block that begins with three backticks and `console` is walked through; what is only an example begins with `text`.
//! A shown line `…` stands for any lines, and `…` within a line for anything. Ids, times, ports and links may differ.
//!
//! After a change that is meant: `UPDATE_DOCUMENTS=1 cargo test -p regard-tests --test guide`, and read the difference. Only
//! lines that are not true any more are written anew.

mod document;
mod likeness;
mod varied;
mod walk;

use std::path::{Path, PathBuf};

use document::{Step, Typed};
use walk::{Difference, Walk};

#[test]
fn the_user_guide_is_true() {
    holds("docs/user-guide.md");
}

#[test]
fn the_readme_is_true() {
    holds("README.md");
}

#[test]
fn the_page_on_hosting_is_true() {
    holds("docs/hosting.md");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}

#[track_caller]
fn holds(name: &str) {
    let path = root().join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let steps = document::steps(&text);
    assert!(!steps.is_empty(), "{name} has nothing to type");
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        std::fs::write(&path, rewritten(&text, &steps)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return;
    }
    let mut walk = Walk::new(&root().join("client/samples"), false);
    for step in &steps {
        if let Err(difference) = walk.takes(step) {
            panic!("{}", report(name, step, &difference));
        }
    }
    if let Err((line, difference)) = walk.ends() {
        let step = steps.iter().find(|step| step.line == line).expect("it was a step");
        panic!("{}", report(name, step, &difference));
    }
}

fn report(name: &str, step: &Step, difference: &Difference) -> String {
    let typed = match &step.typed {
        Typed::Command(typed) => format!("$ {typed}"),
        Typed::Interrupt => "^C".into(),
    };
    format!(
        "{name}:{}: {typed}\n\n{}\n\nAll that is shown:\n{}\n\nAll that came:\n{}\n\n\
         UPDATE_DOCUMENTS=1 cargo test -p regard-tests --test guide   writes what comes into the document.",
        step.line,
        difference.against,
        step.shown.join("\n"),
        difference.said.join("\n")
    )
}

/// The document with what comes now, where it is no longer what is shown.
fn rewritten(text: &str, steps: &[Step]) -> String {
    let mut walk = Walk::new(&root().join("client/samples"), true);
    let mut shown = Vec::new();
    for step in steps {
        let Err(difference) = walk.takes(step) else { continue };
        let lines = difference.said.iter().map(|said| {
            let mut lines = step.shown.iter().filter(|shown| **shown != likeness::ANYTHING.to_string());
            let still = lines.find(|shown| walk.is_still_shown(shown, said));
            still.cloned().unwrap_or_else(|| walk.back(said))
        });
        shown.push((step.shown_at.clone(), lines.collect()));
    }
    document::rewritten(text, &shown)
}
