//! The components of a file, with their lines as they are written.

use std::borrow::Cow;

use super::Line;

/// Components in the order in which they begin.
#[derive(Debug, Default)]
pub(crate) struct Tree<'a> {
    /// All of them. A component knows its parts by their place here, so that no depth of nesting costs stack.
    pub(crate) nodes: Vec<Node<'a>>,
    /// Those that stand in no other one.
    pub(crate) roots: Vec<usize>,
    /// Whether there were more than [`COMPONENTS_MAX`]; the rest was not read.
    pub(crate) is_cut: bool,
}

/// One component.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    /// Its name, in capital letters where it is one that the standards know.
    pub(crate) name: String,
    /// Its properties, unfolded, as they are written.
    pub(crate) lines: Vec<Cow<'a, str>>,
    /// The components within it.
    pub(crate) parts: Vec<usize>,
    /// The component in which it stands.
    pub(crate) parent: Option<usize>,
    /// The outermost component around it; itself where it stands in none.
    pub(crate) root: usize,
}

/// Components of one file that are read. The largest calendar seen in the wild has some 20,000; each costs 100 bytes.
const COMPONENTS_MAX: usize = 1 << 20;

impl<'a> Tree<'a> {
    /// Reads components leniently: any `END` ends the innermost one, and what does not end ends with the text.
    pub(crate) fn parse(text: &'a str) -> Self {
        let mut tree = Self::default();
        let mut open: Vec<usize> = Vec::new();
        for line in Unfolded::of(text) {
            match boundary(&line) {
                Some((true, name)) => {
                    if tree.nodes.len() == COMPONENTS_MAX {
                        tree.is_cut = true;
                        break;
                    }
                    let at = tree.nodes.len();
                    let root = open.first().copied().unwrap_or(at);
                    match open.last() {
                        Some(parent) => tree.nodes[*parent].parts.push(at),
                        None => tree.roots.push(at),
                    }
                    let parent = open.last().copied();
                    tree.nodes.push(Node { name, lines: Vec::new(), parts: Vec::new(), parent, root });
                    open.push(at);
                }
                Some((false, _)) => drop(open.pop()),
                None => {
                    if let Some(at) = open.last() {
                        tree.nodes[*at].lines.push(line);
                    }
                }
            }
        }
        tree
    }

    /// The parts of a component.
    pub(crate) fn parts(&self, at: usize) -> impl Iterator<Item = usize> {
        self.nodes.get(at).into_iter().flat_map(|node| node.parts.iter().copied())
    }

    /// A component as content lines, unfolded, with the parts that `takes` answers true for.
    pub(crate) fn text(&self, at: usize, takes: &dyn Fn(&str) -> bool) -> String {
        const DEPTH_MAX: usize = 8;
        let mut lines = Vec::new();
        self.write(at, takes, DEPTH_MAX, &mut lines);
        lines.join("\n")
    }

    fn write(&self, at: usize, takes: &dyn Fn(&str) -> bool, depth: usize, lines: &mut Vec<String>) {
        let Some(node) = self.nodes.get(at) else { return };
        lines.push(format!("BEGIN:{}", node.name));
        lines.extend(node.lines.iter().filter(|line| takes(line)).map(|line| line.clone().into_owned()));
        if depth > 0 {
            for part in node.parts.iter().filter(|part| takes(&format!("BEGIN:{}", self.nodes[**part].name))) {
                self.write(*part, takes, depth - 1, lines);
            }
        }
        lines.push(format!("END:{}", node.name));
    }
}

impl Node<'_> {
    /// The first property of this name.
    pub(crate) fn line(&self, name: &str) -> Option<&str> {
        self.lines.iter().map(AsRef::as_ref).find(|line| is_named(line, name))
    }
}

/// Whether a line is the property `name`, which is in capital letters.
pub(crate) fn is_named(line: &str, name: &str) -> bool {
    let found = line.split([':', ';', ',', '=']).next().unwrap_or_default();
    found.trim().eq_ignore_ascii_case(name)
}

/// Whether a line begins (true) or ends a component, and its name.
fn boundary(line: &str) -> Option<(bool, String)> {
    const KNOWN: [&str; 16] = [
        "VCALENDAR",
        "VEVENT",
        "VTODO",
        "VJOURNAL",
        "VFREEBUSY",
        "VTIMEZONE",
        "VALARM",
        "STANDARD",
        "DAYLIGHT",
        "VAVAILABILITY",
        "AVAILABLE",
        "PARTICIPANT",
        "VLOCATION",
        "VRESOURCE",
        "VSTATUS",
        "VCARD",
    ];
    let begins = is_named(line, "BEGIN");
    if !begins && !is_named(line, "END") {
        return None;
    }
    let name = Line::parse(line)?.value;
    let name = name.trim();
    let known = KNOWN.iter().find(|known| known.eq_ignore_ascii_case(name));
    Some((begins, known.map_or_else(|| name.to_owned(), |known| (*known).to_owned())))
}

/// The lines of a text, unfolded, empty ones left out.
struct Unfolded<'a> {
    physical: std::iter::Peekable<std::str::Split<'a, char>>,
}

impl<'a> Unfolded<'a> {
    fn of(text: &'a str) -> Self {
        Self { physical: text.split('\n').peekable() }
    }
}

impl<'a> Iterator for Unfolded<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = loop {
            let line = self.physical.next()?.trim_matches('\r');
            if !line.is_empty() {
                break Cow::Borrowed(line);
            }
        };
        while let Some(next) = self.physical.peek() {
            let next = next.trim_end_matches('\r');
            if line.ends_with('=') && is_quoted_printable(&line) {
                let line = line.to_mut();
                line.pop();
                line.push_str(next);
            } else if let Some(more) = next.strip_prefix([' ', '\t']) {
                line.to_mut().push_str(more);
            } else {
                break;
            }
            self.physical.next();
        }
        Some(line)
    }
}

/// Whether the value is written as version 1.0 of the format did: its soft breaks are no folds.
fn is_quoted_printable(line: &str) -> bool {
    const NAME: &[u8] = b"QUOTED-PRINTABLE";
    let head = line.split(':').next().unwrap_or_default().as_bytes();
    head.windows(NAME.len()).any(|window| window.eq_ignore_ascii_case(NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_read_with_their_lines_as_they_are_written() {
        let text = "junk\r\nBEGIN:vcalendar\r\nX-A;b=c:d\r\n  e\r\n\r\nBEGIN:VEVENT\nN;ENCODING=QUOTED-PRINTABLE:a=\nb\nS:c=\n d\n\
                    BEGIN:X-Own\nEND:X-Own\nEND:VEVENT\nEND:VCALENDAR\nBEGIN:VTODO\nS:1";
        let tree = Tree::parse(text);
        let all = |at: usize| tree.text(at, &|_| true);
        assert_eq!(tree.roots, [0, 3]);
        assert_eq!(all(1), "BEGIN:VEVENT\nN;ENCODING=QUOTED-PRINTABLE:ab\nS:c=d\nBEGIN:X-Own\nEND:X-Own\nEND:VEVENT");
        assert_eq!(all(3), "BEGIN:VTODO\nS:1\nEND:VTODO");
        assert_eq!(tree.nodes[0].lines, ["X-A;b=c:d e"]);
        assert_eq!(tree.nodes[2].root, 0);
        assert_eq!(tree.text(0, &|line| line != "BEGIN:VEVENT"), "BEGIN:VCALENDAR\nX-A;b=c:d e\nEND:VCALENDAR");
    }
}
