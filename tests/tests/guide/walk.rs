//! A new user's walk through a document: everything that it types, in a clean home.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use regard_tests::harness::{Program, Running, Said, command, free_port};

use super::document::{Step, Typed};
use super::likeness::{ANYTHING, Names, alike};

/// Commands that go on running. They are told to end when the walk ends, or by `^C`.
const KEEP_RUNNING: [&str; 3] = ["up", "watch", "serve"];
/// Commands that only look: they are typed again until they say what is shown, as things take their time.
const LOOK: [&str; 9] = ["status", "show", "list", "search", "inspect", "check", "doctor", "config", "log"];
/// The folders that documents speak of; each stands for one in the folder of the walk.
const PLACES: [&str; 4] = ["/home/you", "/var/lib", "/etc", "/backups"];
/// How long what is shown may take to come about.
const PATIENCE: Duration = Duration::from_secs(40);
/// Where the documents are rewritten, how long to wait for what they show now.
const REWRITING_PATIENCE: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(30);

/// A home folder, and what runs in it.
pub(crate) struct Walk {
    root: tempfile::TempDir,
    names: Names,
    running: Vec<Started>,
    patience: Duration,
}

/// A program that goes on running.
struct Started {
    running: Running,
    line: usize,
    shown: Vec<String>,
}

/// That a step did not say what is shown.
pub(crate) struct Difference {
    pub(crate) said: Vec<String>,
    pub(crate) against: String,
}

impl Walk {
    /// A clean home with `samples` where the documents speak of sample files.
    pub(crate) fn new(samples: &Path, is_rewriting: bool) -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        for place in PLACES {
            std::fs::create_dir_all(within(root.path(), place)).expect("a folder");
        }
        let bin = root.path().join("bin");
        std::fs::create_dir(&bin).expect("a folder");
        for (program, name) in [(Program::Regard, "regard"), (Program::Relay, "regard-relay")] {
            link(program.path(), &bin.join(name));
        }
        let home = within(root.path(), PLACES[0]);
        std::fs::create_dir(home.join("client")).expect("a folder");
        link(samples, &home.join("client/samples"));
        for (folder, file) in [("Mail", "archive.mbox"), ("cards", "contacts.vcf")] {
            std::fs::create_dir(home.join(folder)).expect("a folder");
            link(&samples.join(file), &home.join(folder).join(file));
        }
        let patience = if is_rewriting { REWRITING_PATIENCE } else { PATIENCE };
        Self { root, names: Names::default(), running: Vec::new(), patience }
    }

    /// Does what is typed in a step, and compares what is said.
    pub(crate) fn takes(&mut self, step: &Step) -> Result<(), Difference> {
        match &step.typed {
            Typed::Interrupt => self.interrupts(step),
            Typed::Command(typed) if keeps_running(typed) => self.starts(step, typed),
            Typed::Command(typed) => self.types(step, typed),
        }
    }

    fn types(&mut self, step: &Step, typed: &str) -> Result<(), Difference> {
        let begun = Instant::now();
        loop {
            let said: Said = self.shell(typed, "").output().expect("sh can be run").into();
            let said = self.shown_as(&said);
            let over = begun.elapsed() > self.patience;
            match alike(&step.shown, &said, &self.names) {
                Ok(names) => {
                    self.names = names;
                    return Ok(());
                }
                Err(_) if only_looks(typed) && !over => std::thread::sleep(LOOK_EVERY),
                Err(against) => return Err(Difference { said, against }),
            }
        }
    }

    /// The lines above an empty one must come before the walk goes on, and those below it before it ends.
    fn starts(&mut self, step: &Step, typed: &str) -> Result<(), Difference> {
        let running = Running::start(&mut self.shell(typed, "exec "));
        let at_once = step.shown.iter().take_while(|line| !line.is_empty()).cloned();
        let at_once: Vec<_> = at_once.chain([ANYTHING.to_string()]).collect();
        self.running.push(Started { running, line: step.line, shown: step.shown.clone() });
        self.comes(self.running.len() - 1, &at_once)
    }

    /// Waits until a running program has said what is shown.
    fn comes(&mut self, at: usize, shown: &[String]) -> Result<(), Difference> {
        let begun = Instant::now();
        loop {
            let started = &mut self.running[at];
            let has_ended = started.running.has_ended();
            let said = started.running.so_far();
            let said = self.shown_as(&said);
            match alike(shown, &said, &self.names) {
                Ok(names) => {
                    self.names = names;
                    return Ok(());
                }
                Err(against) if has_ended || begun.elapsed() > self.patience => {
                    return Err(Difference { said, against });
                }
                Err(_) => std::thread::sleep(LOOK_EVERY),
            }
        }
    }

    fn interrupts(&mut self, step: &Step) -> Result<(), Difference> {
        let started = self.running.pop().unwrap_or_else(|| panic!("line {}: nothing runs", step.line));
        let before = started.running.so_far();
        let before = self.shown_as(&before).len();
        let said = started.running.stops();
        let said = self.shown_as(&said).split_off(before);
        match alike(&step.shown, &said, &self.names) {
            Ok(names) => {
                self.names = names;
                Ok(())
            }
            Err(against) => Err(Difference { said, against }),
        }
    }

    /// Ends what still runs; answers the first that has not said all that is shown, with its line in the document.
    pub(crate) fn ends(mut self) -> Result<(), (usize, Difference)> {
        for at in 0..self.running.len() {
            let shown = self.running[at].shown.iter().filter(|line| !line.is_empty()).cloned();
            let shown: Vec<_> = shown.chain([ANYTHING.to_string()]).collect();
            let line = self.running[at].line;
            self.comes(at, &shown).map_err(|difference| (line, difference))?;
        }
        Ok(())
    }

    /// What is said here, as the document would say it.
    pub(crate) fn back(&self, said: &str) -> String {
        self.names.back(said)
    }

    /// Learns from a line that is still as shown.
    pub(crate) fn is_still_shown(&mut self, shown: &str, said: &str) -> bool {
        let learned = alike(&[shown.to_owned()], &[said.to_owned()], &self.names);
        learned.map(|names| self.names = names).is_ok()
    }

    fn shell(&self, typed: &str, before: &str) -> Command {
        let mut translated = self.names.translate(typed);
        for place in PLACES {
            translated = translated.replace(place, &within(self.root.path(), place).display().to_string());
        }
        let script = format!("exec 2>&1\n{before}{}", with_free_ports(&translated));
        let home = within(self.root.path(), PLACES[0]);
        // Undisturbed by what is set around the tests, as programs are elsewhere.
        let mut shell = command(Program::Regard);
        let kept: Vec<_> = shell.get_envs().map(|(name, _)| name.to_owned()).collect();
        shell = Command::new("sh");
        for name in kept {
            shell.env_remove(name);
        }
        shell.arg("-c").arg(script).current_dir(&home).stdin(Stdio::null());
        let path = format!("{}:{}", self.root.path().join("bin").display(), std::env::var("PATH").unwrap_or_default());
        let fixed = [("PATH", path.as_str()), ("USER", "you"), ("TZ", "UTC"), ("NO_COLOR", "1"), ("COLUMNS", "120")];
        shell.envs(fixed).env("HOME", &home);
        for name in ["XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "EDITOR", "VISUAL"] {
            shell.env_remove(name);
        }
        // The port that the documents speak of may be taken here.
        shell.env("REGARD_RELAY_LISTEN", format!("127.0.0.1:{}", free_port()));
        shell
    }

    fn shown_as(&self, said: &Said) -> Vec<String> {
        assert_eq!(said.stderr, "", "both outputs are one here");
        let mut text = said.stdout.clone();
        for place in PLACES {
            text = text.replace(&within(self.root.path(), place).display().to_string(), place);
        }
        let mut lines: Vec<_> = text.lines().map(|line| line.trim_end().to_owned()).collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines
    }
}

fn within(root: &Path, place: &str) -> PathBuf {
    root.join(place.trim_start_matches('/'))
}

fn link(from: &Path, to: &Path) {
    std::os::unix::fs::symlink(from, to).unwrap_or_else(|error| panic!("{}: {error}", to.display()));
}

/// What a command line calls: the program's commands, without options.
fn called(typed: &str) -> Vec<&str> {
    const WITH_VALUE: [&str; 3] = ["--store", "--data", "--config"];
    let mut words = typed.split_whitespace().skip(1);
    let mut called = Vec::new();
    while let Some(word) = words.next() {
        if WITH_VALUE.contains(&word) {
            words.next();
        } else if !word.starts_with('-') {
            called.push(word);
        }
    }
    called
}

fn keeps_running(typed: &str) -> bool {
    called(typed).first().is_some_and(|name| KEEP_RUNNING.contains(name))
}

fn only_looks(typed: &str) -> bool {
    called(typed).iter().take(2).any(|name| LOOK.contains(name))
}

/// Whoever reads a document has its port free; here others may have it.
fn with_free_ports(typed: &str) -> String {
    let mut pieces = typed.split("--listen ");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (address, rest) = piece.split_at(piece.find(char::is_whitespace).unwrap_or(piece.len()));
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let _ = write!(text, "--listen {host}:{}{rest}", free_port());
    }
    text
}
