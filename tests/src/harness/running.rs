use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::process::Process;
use super::{Said, until};

/// A program that goes on running, such as `regard up`, and everything that it says meanwhile.
#[derive(Debug)]
pub struct Running {
    process: Process,
    said: Arc<Mutex<Said>>,
    readers: Vec<JoinHandle<()>>,
}

/// One of a program's two outputs.
type Output = fn(&mut Said) -> &mut String;

impl Running {
    /// Starts it.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let mut process = Process::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let said = Arc::new(Mutex::new(Said { code: None, stdout: String::new(), stderr: String::new() }));
        let stdout = process.child().stdout.take().expect("its output is a pipe");
        let stderr = process.child().stderr.take().expect("its other output is a pipe");
        let readers = vec![read(stdout, &said, |said| &mut said.stdout), read(stderr, &said, |said| &mut said.stderr)];
        Self { process, said, readers }
    }

    /// What it has said so far, in whole lines.
    #[must_use]
    pub fn so_far(&self) -> Said {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it has ended by itself, and everything that it said is known.
    #[must_use]
    pub fn has_ended(&mut self) -> bool {
        self.process.has_ended().is_some() && self.readers.iter().all(JoinHandle::is_finished)
    }

    /// Waits until a line of either output is as wanted.
    ///
    /// # Panics
    /// Where it ends before, or never says so.
    pub fn says(&mut self, what: &str, wanted: impl Fn(&str) -> bool) {
        until(&format!("the program says {what}"), || {
            // Asked first: what is said between the two questions is heard next time.
            let has_ended = self.has_ended();
            let said = self.so_far();
            if said.stdout.lines().chain(said.stderr.lines()).any(&wanted) {
                return Ok(());
            }
            assert!(!has_ended, "it ended and never said {what}: {said:#?}");
            Err(format!("{said:#?}"))
        });
    }

    /// Tells it to end, and answers everything that it has said.
    ///
    /// # Panics
    /// Where it does not end.
    #[must_use]
    pub fn stops(mut self) -> Said {
        let code = self.process.terminate().code();
        for reader in self.readers.drain(..) {
            reader.join().expect("its output was read");
        }
        Said { code, ..self.so_far() }
    }
}

fn read(from: impl Read + Send + 'static, said: &Arc<Mutex<Said>>, output: Output) -> JoinHandle<()> {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            let text = output(&mut said);
            text.push_str(&line);
            text.push('\n');
        }
    })
}
