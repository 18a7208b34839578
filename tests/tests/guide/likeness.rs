//! Whether a program says what a document shows, but for what differs from run to run: ids, times, ports, links, secrets.
//!
//! What a document calls `8b53159c` is another record in every run. [`Names`] learns which, from the lines that are alike, so
//! that `regard show 8b` can be typed, and so that one id of the document is one record throughout.

use super::varied::{Class, Masked};

/// A line that stands for any lines, and within a line for anything.
pub(crate) const ANYTHING: char = '…';

/// What the document's ids, links and ports are in this run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// In the document, in this run.
    known: Vec<(Class, String, String)>,
}

impl Names {
    /// What is to be typed for what the document says is typed.
    pub(crate) fn translate(&self, typed: &str) -> String {
        super::varied::words(typed)
            .map(|(found, word)| self.of_word(found, word).unwrap_or_else(|| word.to_owned()))
            .collect()
    }

    fn of_word(&self, found: Option<Class>, word: &str) -> Option<String> {
        // A number of one digit is hardly an id, and neither is a word.
        let may_begin_id = word.len() > 1 && word.bytes().any(|byte| byte.is_ascii_digit());
        let id = bare(word);
        // What was learned last is what the document speaks of.
        self.known.iter().rev().find_map(|(class, shown, said)| match class {
            Class::Link | Class::Port if found == Some(*class) && shown == word => Some(said.clone()),
            Class::Id if shown == word => Some(said.trim_end_matches(ANYTHING).to_owned()),
            Class::Id if may_begin_id && !id.is_empty() && bare(shown).starts_with(&id) => Some(said.clone()),
            _ => None,
        })
    }

    /// The line as the document would say it: known ids, links and ports by their names there.
    pub(crate) fn back(&self, said: &str) -> String {
        super::varied::words(said)
            .map(|(found, word)| {
                let known = self.known.iter().find(|(class, _, said)| found == Some(*class) && said == word);
                known.map_or(word, |(_, shown, _)| shown)
            })
            .collect()
    }

    /// Learns that `shown` is `said` here, or answers what speaks against it.
    fn learn(&mut self, class: Class, shown: &str, said: &str) -> Result<(), String> {
        if class == Class::Time {
            return Ok(());
        }
        let (short_shown, short_said) = (bare(shown), bare(said));
        for (other, known_shown, known_said) in self.known.iter().filter(|_| class != Class::Port) {
            let are_same = related(&short_shown, &bare(known_shown));
            if *other == class && are_same != related(&short_said, &bare(known_said)) {
                return Err(if are_same {
                    format!("{shown} is {known_said} above and {said} here")
                } else {
                    format!("{said} is called {known_shown} above and {shown} here")
                });
            }
        }
        let new = (class, shown.to_owned(), said.to_owned());
        if !self.known.contains(&new) {
            self.known.push(new);
        }
        Ok(())
    }
}

/// An id's digits: the same record may be named with more or fewer of them, with hyphens or without.
fn bare(id: &str) -> String {
    id.chars().filter(|c| *c != '-' && *c != ANYTHING).collect()
}

fn related(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// Whether the lines that were said are those that are shown; then with all names that this teaches, else with what is
/// against it.
pub(crate) fn alike(shown: &[String], said: &[String], names: &Names) -> Result<Names, String> {
    let Some(first) = shown.first() else {
        return said.first().map_or(Ok(names.clone()), |line| Err(format!("this line is not shown: {line}")));
    };
    if *first == ANYTHING.to_string() {
        let mut against = String::new();
        for skipped in 0..=said.len() {
            match alike(&shown[1..], &said[skipped..], names) {
                Ok(names) => return Ok(names),
                Err(reason) => against = reason,
            }
        }
        return Err(against);
    }
    let Some(line) = said.first() else { return Err(format!("this line did not come: {first}")) };
    let names = line_alike(first, line, names)?;
    alike(&shown[1..], &said[1..], &names)
}

/// The same for one line.
pub(crate) fn line_alike(shown: &str, said: &str, names: &Names) -> Result<Names, String> {
    let (shown_as, said_as) = (Masked::of(shown), Masked::of(said));
    let mut pairs = Vec::new();
    if !matches(&shown_as, &said_as, (0, 0), &mut pairs) {
        return Err(format!("shown: {shown}\n  came: {said}"));
    }
    let mut names = names.clone();
    for (at, other) in pairs {
        let (class, shown) = &shown_as.varied[at];
        names.learn(*class, shown, &said_as.varied[other].1)?;
    }
    Ok(names)
}

/// Compares from these places on, and notes which of the parts that vary stand for each other.
fn matches(shown: &Masked, said: &Masked, at: (usize, usize), pairs: &mut Vec<(usize, usize)>) -> bool {
    let Some(first) = shown.text.get(at.0) else { return at.1 == said.text.len() };
    if *first == ANYTHING {
        return (at.1..=said.text.len()).any(|next| {
            let known = pairs.len();
            let found = matches(shown, said, (at.0 + 1, next), pairs);
            pairs.truncate(if found { pairs.len() } else { known });
            found
        });
    }
    if said.text.get(at.1) != Some(first) {
        return false;
    }
    if let (Some(one), Some(other)) = (shown.varied_at(at.0), said.varied_at(at.1)) {
        pairs.push((one, other));
    }
    matches(shown, said, (at.0 + 1, at.1 + 1), pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[track_caller]
    fn are_alike(shown: &str, said: &str) -> Names {
        alike(&lines(shown), &lines(said), &Names::default()).unwrap_or_else(|against| panic!("{against}"))
    }

    #[track_caller]
    fn differ(shown: &str, said: &str) {
        alike(&lines(shown), &lines(said), &Names::default()).expect_err("they are not alike");
    }

    #[test]
    fn what_differs_from_run_to_run_is_alike_and_nothing_else() {
        are_alike("8b53159c contact Carla", "00aa11bb contact Carla");
        are_alike("since 21:52:53 (#50)", "since yesterday 01:02:03 (#50)");
        are_alike("until 29 November 21:52:52. On", "until 1 March 2027 03:04:05. On");
        are_alike("at http://127.0.0.1:7171", "at http://127.0.0.1:40123");
        are_alike("a\n…\nz", "a\nb\nc\nz");
        are_alike("…\nb", "b");
        are_alike("12 rows, … bytes", "12 rows, 4711 bytes");
        are_alike("ID        KIND", "ID   KIND");
        differ("since 21:52:53 (#50)", "since 21:52:53 (#51)");
        differ("8b53159c contact Carla", "00aa11bb contact Clara");
        differ("a\nb", "a");
        differ("a", "a\nb");
        differ("a\n…\nz", "a\nb");
        differ("due 2026-12-01", "due 2026-12-02");
    }

    #[test]
    fn an_id_of_the_document_is_one_record() {
        differ("8b53159c a\n8b53159c b", "00aa11bb a\n00aa11cc b");
        differ("8b53159c a\n8b5315ff b", "00aa11bb a\n00aa11bb b");
        are_alike(
            "8b53159c a\n8b53159c-0000-4000-8000-000000000000",
            "00aa11bb a\n00aa11bb-1111-4000-8000-000000000000",
        );
    }

    #[test]
    fn what_is_typed_names_the_record_of_this_run() {
        let link = "http://127.0.0.1:7171/join/20-…#80….10…";
        let real = "http://127.0.0.1:4000/join/aa#bb.cc";
        let names = are_alike(&format!("8b53159c a\n{link}"), &format!("00aa11bb a\n{real}"));
        assert_eq!(names.translate("regard edit 8b percent=10"), "regard edit 00aa11bb percent=10");
        let names = {
            let mut names = names;
            names.learn(Class::Port, "7171", "4000").expect("a port");
            names
        };
        assert_eq!(
            names.translate("http://127.0.0.1:7171 https://a.example:7171"),
            "http://127.0.0.1:4000 https://a.example:7171"
        );
        assert_eq!(names.translate(&format!("regard join '{link}'")), format!("regard join '{real}'"));
        assert_eq!(names.back("00aa11bb is here"), "8b53159c is here");
    }
}
