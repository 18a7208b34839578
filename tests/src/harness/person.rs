use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::process::Process;
use super::{Program, Watching, command, until};

/// A person with a device: a store, the commands typed on it, and perhaps `regard up`.
#[derive(Debug)]
pub struct Person {
    name: String,
    folder: PathBuf,
    up: Option<Process>,
    #[cfg(target_os = "linux")]
    disk: Option<super::SmallDisk>,
}

/// What a command said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// Its answer.
    pub stdout: String,
    /// Everything beside the answer.
    pub stderr: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("programs speak UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Person {
    /// A person whose store is to be in a folder of the name below `folder`. Nothing is there yet.
    #[must_use]
    pub fn new(name: &str, folder: &Path) -> Self {
        Self {
            name: name.to_owned(),
            folder: folder.join(name.to_lowercase()),
            up: None,
            #[cfg(target_os = "linux")]
            disk: None,
        }
    }

    /// A person whose store is to be on a disk of its own. Nothing is there yet.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn on_disk(name: &str, disk: &super::SmallDisk) -> Self {
        Self { disk: Some(disk.clone()), ..Self::new(name, disk.folder()) }
    }

    /// A person who has made a workspace.
    #[must_use]
    pub fn founds(name: &str, folder: &Path) -> Self {
        let person = Self::new(name, folder);
        let _: Value = person.asks(&["init", "Lisbon Trading", "--member", name, "--device", "laptop"]);
        person
    }

    /// A person who has joined a workspace.
    #[must_use]
    pub fn joins(name: &str, folder: &Path, link: &str) -> Self {
        let person = Self::new(name, folder);
        let _: Value = person.asks(&["join", link, "--member", name, "--device", "laptop"]);
        person
    }

    /// A further device of a person, in a folder of its own.
    #[must_use]
    pub fn joins_with(name: &str, device: &str, folder: &Path, link: &str) -> Self {
        let person = Self::new(&format!("{name}-{device}"), folder);
        let _: Value = person.asks(&["join", link, "--member", name, "--device", device]);
        person
    }

    /// The store's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// `regard` with the person's store, for a command that needs more than arguments.
    #[must_use]
    pub fn regard(&self) -> Command {
        let mut regard = self.program();
        regard.arg("--store").arg(&self.folder);
        regard
    }

    fn program(&self) -> Command {
        #[cfg(target_os = "linux")]
        if let Some(disk) = &self.disk {
            return super::programs::command_on(disk, Program::Regard);
        }
        command(Program::Regard)
    }

    /// The id of the process of `regard up`, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.up.as_ref().map(Process::id)
    }

    /// Runs a command.
    ///
    /// # Panics
    /// Where it cannot be run.
    #[must_use]
    pub fn does(&self, arguments: &[&str]) -> Said {
        self.regard().args(arguments).output().expect("regard can be run").into()
    }

    /// Runs a command with `--json` and reads its answer.
    ///
    /// # Panics
    /// Where the command fails or answers no JSON.
    #[must_use]
    pub fn asks(&self, arguments: &[&str]) -> Value {
        let said = self.does(&[&["--json"], arguments].concat());
        let asked = || format!("{}: regard {}", self.name, arguments.join(" "));
        assert_eq!(said.code, Some(0), "{} failed: {}{}", asked(), said.stderr, self.log());
        serde_json::from_str(&said.stdout)
            .unwrap_or_else(|error| panic!("{} is no JSON: {error}: {}", asked(), said.stdout))
    }

    /// Runs a command with `--json` until its answer is as wanted.
    ///
    /// # Panics
    /// Where it never is.
    #[must_use]
    pub fn sees(&self, what: &str, arguments: &[&str], wanted: impl Fn(&Value) -> bool) -> Value {
        until(&format!("{} sees that {what}", self.name), || {
            let answer = self.asks(arguments);
            if wanted(&answer) { Ok(answer) } else { Err(format!("{answer}{}", self.log())) }
        })
    }

    /// Adds a contact and answers its id.
    ///
    /// # Panics
    /// Where the command fails.
    #[must_use]
    pub fn adds_contact(&self, name: &str) -> String {
        let answer = self.asks(&["add", "contact", &format!("full_name={name}")]);
        answer["record"]["id"].as_str().expect("an id").to_owned()
    }

    /// Waits until a record is here and a field of it has this value.
    ///
    /// # Panics
    /// Where that never comes about.
    pub fn shows(&self, id: &str, field: &str, value: &str) {
        until(&format!("{} shows that {field} is {value}", self.name), || {
            let said = self.does(&["--json", "show", id]);
            let record: Value = serde_json::from_str(&said.stdout).unwrap_or_default();
            let is_shown = record["fields"][field] == value;
            if is_shown { Ok(()) } else { Err(format!("{}{}{}", said.stdout, said.stderr, self.log())) }
        });
    }

    /// Waits until everything is sent, and everything that the relay has is here.
    ///
    /// # Panics
    /// Where that never comes about.
    pub fn settles(&self) {
        let is_settled = |status: &Value| status["settled"] == true && status["outbox"]["waiting"] == 0;
        let _: Value = self.sees("everything is settled", &["status"], is_settled);
    }

    /// Starts `regard up`, and waits until commands reach it.
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn up(&mut self) {
        self.up_with(&[]);
    }

    /// The same with further arguments.
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn up_with(&mut self, arguments: &[&str]) {
        let log = self.log_file();
        let append = File::options().create(true).append(true).open(&log).expect("a log can be written");
        let mut up = self.regard();
        let mut process = Process::spawn(up.arg("up").args(arguments).stdout(Stdio::null()).stderr(append));
        let socket = self.folder.join("regard.sock");
        until("`regard up` can be reached", || {
            if let Some(status) = process.has_ended() {
                panic!("`regard up` of {} ended with {status}{}", self.name, self.log());
            }
            std::os::unix::net::UnixStream::connect(&socket).map(drop).map_err(|error| error.to_string())
        });
        self.up = Some(process);
    }

    /// `kill -9` for `regard up`.
    pub fn kill(&mut self) {
        self.up = None;
    }

    /// Ends `regard up` in the ordinary way.
    ///
    /// # Panics
    /// Where it does not end well.
    pub fn stops(&mut self) {
        if let Some(mut up) = self.up.take() {
            let status = up.terminate();
            assert!(status.success(), "`regard up` of {} ended with {status}{}", self.name, self.log());
        }
    }

    /// The most memory that `regard up` has held so far, in bytes; none where none runs or the system does not tell.
    #[must_use]
    pub fn peak_memory(&self) -> Option<u64> {
        self.up.as_ref()?.peak_memory()
    }

    /// Starts `regard watch`, and waits until it watches.
    #[must_use]
    pub fn watches(&self) -> Watching {
        Watching::start(self)
    }

    fn log_file(&self) -> PathBuf {
        self.folder.with_extension("log")
    }

    /// The end of what `regard up` said, for messages of tests that fail.
    fn log(&self) -> String {
        const LINES: usize = 12;
        let log = std::fs::read_to_string(self.log_file()).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        if lines.is_empty() {
            return String::new();
        }
        format!(
            "\n`regard up` of {} said at last:\n{}",
            self.name,
            lines[lines.len().saturating_sub(LINES)..].join("\n")
        )
    }
}
