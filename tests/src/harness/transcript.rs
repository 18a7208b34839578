use std::fmt::Write;
use std::path::Path;

use super::{Person, Said, mask};

/// What is typed, and everything that is answered, as one text to compare with a snapshot.
#[derive(Debug)]
pub struct Transcript<'a> {
    person: &'a Person,
    folder: &'a Path,
    text: String,
}

impl<'a> Transcript<'a> {
    /// An empty transcript of what `person` types. Paths below `folder` are masked.
    #[must_use]
    pub fn of(person: &'a Person, folder: &'a Path) -> Self {
        Self { person, folder, text: String::new() }
    }

    /// Types a command and notes what it says.
    pub fn types(&mut self, arguments: &[&str]) -> Said {
        let said = self.person.does(arguments);
        self.notes(arguments, &said);
        said
    }

    /// Notes what a command has said.
    pub fn notes(&mut self, arguments: &[&str], said: &Said) {
        self.notes_of("regard", arguments, said);
    }

    /// Notes what a command of the relay's host has said.
    pub fn notes_of_host(&mut self, arguments: &[&str], said: &Said) {
        self.notes_of("regard-relay", arguments, said);
    }

    /// Notes a remark for whoever reads the transcript.
    pub fn remarks(&mut self, remark: &str) {
        let _ = writeln!(self.text, "# {remark}");
    }

    fn notes_of(&mut self, program: &str, arguments: &[&str], said: &Said) {
        let quoted = arguments.iter().map(|argument| {
            if argument.contains(|c: char| c.is_whitespace() || c == '#') {
                format!("'{argument}'")
            } else {
                (*argument).to_owned()
            }
        });
        let typed = quoted.collect::<Vec<_>>().join(" ");
        let _ = writeln!(self.text, "$ {program} {typed}");
        self.text.push_str(&said.stdout);
        for line in said.stderr.lines() {
            let _ = writeln!(self.text, "! {line}");
        }
        match said.code {
            Some(0) => self.text.push('\n'),
            Some(code) => drop(writeln!(self.text, "[exit {code}]\n")),
            None => self.text.push_str("[ended by a signal]\n\n"),
        }
    }

    /// The whole, with everything masked that differs from run to run. Lines that begin with `!` went to standard error.
    #[must_use]
    pub fn masked(&self) -> String {
        // The numbers of errors differ between operating systems.
        let masked = mask::mask(&self.text, self.folder);
        masked
            .split(" (os error ")
            .map(|part| {
                part.split_once(')').filter(|(number, _)| number.parse::<i32>().is_ok()).map_or(part, |(_, rest)| rest)
            })
            .collect()
    }
}
