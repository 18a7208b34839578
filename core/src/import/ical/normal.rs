//! The form in which properties that mean the same are equal.

use super::{Form, Line, Tree, row, split_list};
use crate::record::Kind;

/// A property, or a component with all that it contains, as lines that can be compared. Of lists each value is one line: in which
/// order they stand, and on how many lines, means nothing.
pub(crate) fn normal(kind: Kind, text: &str) -> Vec<Line> {
    if text.starts_with("BEGIN:") {
        return vec![component(text)];
    }
    let Some(line) = Line::parse(text).map(Line::normal) else { return Vec::new() };
    let with = |value: String| Line { value, ..line.clone() };
    match row(kind, &line.name).map(|row| row.form) {
        Some(Form::Text | Form::Word | Form::Description) => vec![with(spelled(&line.value))],
        Some(Form::Categories) => split_list(&line.value).into_iter().map(|value| with(spelled(value))).collect(),
        Some(Form::LeftOut) => split_list(&line.value).into_iter().map(|value| with(value.to_owned())).collect(),
        _ => vec![line],
    }
}

/// Text in one of its spellings. Semicolons and commas may do without an escape; what readers take differently stays as it is.
fn spelled(value: &str) -> String {
    value.replace("\\;", ";").replace("\\,", ",").replace("\\N", "\\n")
}

fn component(text: &str) -> Line {
    let tree = Tree::parse(text);
    let mut lines: Vec<String> = Vec::new();
    for (at, node) in tree.nodes.iter().enumerate() {
        lines.extend(node.lines.iter().filter_map(|line| {
            let mut line = Line::parse(line)?.normal();
            line.value = spelled(&line.value);
            Some(format!("{at} {line:?}"))
        }));
    }
    lines.sort();
    let name = tree.nodes.first().map(|node| node.name.clone()).unwrap_or_default();
    Line { name: format!("BEGIN {name}"), params: Vec::new(), value: lines.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_the_same_is_equal_and_nothing_else() {
        let check = |one: &str, other: &str, expected: bool| {
            assert_eq!(normal(Kind::Task, one) == normal(Kind::Task, other), expected, "{one} {other}");
        };
        check("SUMMARY;X=1;LANGUAGE=\"de\":a;b", "summary;language=de;x=1:a\\;b", true);
        check("SUMMARY:a\\d", "SUMMARY:ad", false);
        check("SUMMARY:a\\d", "SUMMARY:a\\\\d", false);
        check("SUMMARY:a\\Nb", "SUMMARY:a\\nb", true);
        check("X-A:a;b", "X-A:a\\;b", false);
        check("CATEGORIES:a,b", "CATEGORIES:a\\,b", false);
        check("BEGIN:VALARM\nA:1\nB:2\nEND:VALARM", "BEGIN:VALARM\nB:2\nA:1\nEND:VALARM", true);
        check("BEGIN:VALARM\nA:1\nBEGIN:X\nB:2\nEND:X\nEND:VALARM", "BEGIN:VALARM\nB:2\nA:1\nEND:VALARM", false);
    }
}
