//! A document's `console` blocks as steps: what is typed, and what the document shows for it.

use std::ops::Range;

/// Something that is typed, with what is shown below it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Its line in the document, from 1.
    pub(crate) line: usize,
    pub(crate) typed: Typed,
    /// The shown lines, without the empty ones at their end.
    pub(crate) shown: Vec<String>,
    /// Where these stand, counted from 0.
    pub(crate) shown_at: Range<usize>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// A command line for the shell, with its continuations.
    Command(String),
    /// `^C`: the program that was started last is told to end.
    Interrupt,
}

const FENCE: &str = "```";
const PROMPT: &str = "$ ";

/// All steps of a document, in its order.
pub(crate) fn steps(document: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut block = None;
    for (at, line) in document.lines().enumerate() {
        if let Some(opened) = line.strip_prefix(FENCE) {
            // A block that holds no step yet must begin with one.
            block = (block.is_none()).then(|| (opened == "console").then_some(steps.len()));
            continue;
        }
        let Some(Some(first)) = block else { continue };
        if let Some(open) = continued(&mut steps[first..], at) {
            let Typed::Command(typed) = &mut open.typed else { continue };
            typed.push('\n');
            typed.push_str(line);
            open.shown_at = at + 1..at + 1;
        } else if let Some(typed) = line.strip_prefix(PROMPT) {
            steps.push(step(at, Typed::Command(typed.to_owned())));
        } else if line == "^C" {
            steps.push(step(at, Typed::Interrupt));
        } else {
            let step = steps[first..].last_mut();
            let step = step.unwrap_or_else(|| panic!("line {}: a console block begins with what is typed", at + 1));
            if !line.is_empty() {
                step.shown_at.end = at + 1;
                step.shown.resize(step.shown_at.len() - 1, String::new());
                step.shown.push(line.to_owned());
            }
        }
    }
    steps
}

fn step(at: usize, typed: Typed) -> Step {
    Step { line: at + 1, typed, shown: Vec::new(), shown_at: at + 1..at + 1 }
}

/// The step whose command line goes on in line `at`.
fn continued(steps: &mut [Step], at: usize) -> Option<&mut Step> {
    steps.last_mut().filter(|step| {
        let goes_on = matches!(&step.typed, Typed::Command(typed) if typed.ends_with('\\'));
        goes_on && step.shown_at == (at..at)
    })
}

/// The document with other lines shown below some steps.
pub(crate) fn rewritten(document: &str, shown: &[(Range<usize>, Vec<String>)]) -> String {
    let lines: Vec<_> = document.lines().collect();
    let mut text = String::new();
    let mut from = 0;
    for (at, shown) in shown {
        for line in lines[from..at.start].iter().copied().chain(shown.iter().map(String::as_str)) {
            text.push_str(line);
            text.push('\n');
        }
        from = at.end;
    }
    for line in &lines[from..] {
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str =
        "Begin:\n```console\n$ regard a \\\n    b\none\n\ntwo\n\n$ regard c\n^C\nend\n```\n```text\n$ no\n```\n";

    #[test]
    fn the_steps_of_console_blocks_are_found() {
        let found = steps(DOCUMENT);
        let commands: Vec<_> = found.iter().map(|step| (step.line, &step.typed, step.shown.join("|"))).collect();
        let typed = ["regard a \\\n    b", "regard c"].map(|typed| Typed::Command(typed.into()));
        let expected = [
            (3, &typed[0], "one||two".to_owned()),
            (9, &typed[1], String::new()),
            (10, &Typed::Interrupt, "end".into()),
        ];
        assert_eq!(commands, expected);
        assert_eq!(found[0].shown_at, 4..7);
    }

    #[test]
    fn only_what_is_shown_is_rewritten() {
        let at: Vec<_> = steps(DOCUMENT).into_iter().map(|step| (step.shown_at, step.shown)).collect();
        assert_eq!(rewritten(DOCUMENT, &at), DOCUMENT);
        let other = vec![(at[0].0.clone(), vec!["three".into()]), (at[1].0.clone(), vec!["four".into()])];
        let expected = DOCUMENT.replace("one\n\ntwo", "three").replace("regard c\n", "regard c\nfour\n");
        assert_eq!(rewritten(DOCUMENT, &other), expected);
    }
}
