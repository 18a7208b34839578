//! Long answers go through a pager, where a person reads them on a terminal.

use std::io::{self, IsTerminal, Write};
use std::process::{Command, Stdio};

use crate::unix;

/// What became of a text.
pub(super) enum Paged {
    /// It was shown.
    Shown,
    /// It is short, nobody reads it on a terminal, or there is no pager.
    NotWanted,
    /// The pager cannot be run.
    Failed(io::Error),
}

/// Shows a text through the pager, where it is longer than the terminal.
pub(super) fn page(command: &str, text: &str) -> Paged {
    let Some((columns, rows)) = unix::terminal_size().filter(|_| io::stdout().is_terminal()) else {
        return Paged::NotWanted;
    };
    let words = shlex::split(command).unwrap_or_default();
    let Some((program, arguments)) = words.split_first() else { return Paged::NotWanted };
    let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    let plain = anstream::adapter::strip_str(text).to_string();
    if is_dumb || height(&plain, columns) < usize::from(rows) {
        return Paged::NotWanted;
    }
    let is_coloured = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
    // An interrupt is the pager's matter while it shows something: it says there that nobody wants to wait any more.
    let _interrupts = unix::outlive_interrupts();
    match run(Command::new(program).args(arguments), if is_coloured { text } else { &plain }) {
        Ok(()) => Paged::Shown,
        Err(error) => Paged::Failed(error),
    }
}

fn run(pager: &mut Command, text: &str) -> io::Result<()> {
    let mut pager = pager.env("LESSCHARSET", "utf-8").stdin(Stdio::piped()).spawn()?;
    if let Some(mut input) = pager.stdin.take() {
        let line_end: &[u8] = if text.ends_with('\n') { b"" } else { b"\n" };
        match input.write_all(text.as_bytes()).and_then(|()| input.write_all(line_end)) {
            // Whoever has seen enough leaves.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    pager.wait().map(drop)
}

/// How many lines the terminal needs for a text. Characters that take two columns make it one or two more.
fn height(text: &str, columns: u16) -> usize {
    let columns = usize::from(columns).max(1);
    text.lines().map(|line| line.chars().count().div_ceil(columns).max(1)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_take_several_of_the_terminals() {
        assert_eq!(height("", 80), 0);
        assert_eq!(height("a\n\nb\n", 80), 3);
        assert_eq!(height(&"x".repeat(161), 80), 3);
        assert_eq!(height("xyz", 0), 3);
    }
}
