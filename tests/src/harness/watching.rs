use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use serde_json::Value;

use super::process::Process;
use super::{PATIENCE, Person};

/// `regard watch --json`, event by event, until it is dropped.
#[derive(Debug)]
pub struct Watching {
    events: Receiver<Value>,
    _process: Process,
}

impl Watching {
    pub(super) fn start(person: &Person) -> Self {
        let mut watching = Self::spawn(person, &["--json", "watch"]);
        // The first event is how the connection stands: nothing that happens from here on is missed.
        let _: Value = watching.next("link");
        watching
    }

    /// `regard watch --stream --json` with these arguments.
    #[must_use]
    pub fn stream(person: &Person, arguments: &[&str]) -> Self {
        Self::spawn(person, &[&["--json", "watch", "--stream"], arguments].concat())
    }

    /// `regard watch` with these arguments, as people read it: each line is an event that is a text.
    #[must_use]
    pub fn people(person: &Person, arguments: &[&str]) -> Self {
        Self::spawn(person, &[&["watch"], arguments].concat())
    }

    fn spawn(person: &Person, arguments: &[&str]) -> Self {
        let mut watch = person.regard();
        watch.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null());
        let is_json = arguments.contains(&"--json");
        let mut process = Process::spawn(&mut watch);
        let stdout = process.child().stdout.take().expect("its output is a pipe");
        let (sender, events) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let event = if is_json {
                    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
                } else {
                    Value::from(line)
                };
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Self { events, _process: process }
    }

    /// The first line that is as wanted, of what people read; others are passed over.
    pub fn first_line(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let line = self.first(what, |line| line.as_str().is_some_and(&wanted));
        line.as_str().unwrap_or_default().to_owned()
    }

    /// The next event of this kind; others are passed over.
    ///
    /// # Panics
    /// Where none comes.
    pub fn next(&mut self, kind: &str) -> Value {
        self.first(&format!("an event “{kind}”"), |event| event["event"] == kind)
    }

    /// The first event that is as wanted; others are passed over.
    ///
    /// # Panics
    /// Where none comes within [`PATIENCE`].
    pub fn first(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            match self.events.recv_timeout(PATIENCE) {
                Ok(event) if wanted(&event) => return event,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => panic!("{what} did not come within {} s", PATIENCE.as_secs()),
                Err(RecvTimeoutError::Disconnected) => panic!("{what} did not come before watching ended"),
            }
        }
    }
}
