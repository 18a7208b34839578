//! Starting a victim, hearing what it tells, and killing it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::Scene;
use crate::bench::Failure;
use crate::bench::plan::Doing;
use crate::harness::Seed;

/// What a victim logs, in the story's folder: read only where it ended by itself.
const LOG: &str = "victim.log";

/// A process that works until it is killed.
pub(super) struct Victim {
    child: Child,
    lines: BufReader<ChildStdout>,
    log: std::path::PathBuf,
    told: Vec<String>,
}

impl Victim {
    /// Starts one; it finds its arguments in [`super::as_victim`].
    pub(super) fn start(scene: &Scene<'_>, work: &str, on: &Path, further: &str) -> Result<Self, Failure> {
        let log = scene.folder.join(LOG);
        let mut command = Command::new(scene.program);
        command.arg(super::victim::MARK).arg(work).arg(on).arg(further);
        command.env("RUST_BACKTRACE", "0").stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(File::create(&log).doing("making a log")?);
        let mut child = command.spawn().doing(&format!("starting {}", scene.program.display()))?;
        let lines = BufReader::new(child.stdout.take().ok_or_else(|| Failure::new("a victim has no output"))?);
        Ok(Self { child, lines, log, told: Vec::new() })
    }

    /// Waits until it has told so many lines more, or has ended.
    pub(super) fn hear(&mut self, lines: usize) -> Result<(), Failure> {
        for _ in 0..lines {
            let mut line = String::new();
            if self.lines.read_line(&mut line).doing("hearing a victim")? == 0 {
                return Ok(());
            }
            self.told.push(line.trim_end().to_owned());
        }
        Ok(())
    }

    /// `kill -9`. Answers all that it told, which is nothing that it had begun to tell and not ended.
    pub(super) fn kill(mut self) -> Result<Vec<String>, Failure> {
        self.child.kill().doing("killing a victim")?;
        let status = self.child.wait().doing("waiting for a victim")?;
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).doing("hearing a victim")?;
        let whole = rest.rfind('\n').map_or("", |end| &rest[..end]);
        self.told.extend(whole.lines().map(str::to_owned));
        // Without a code it was ended by the signal; with one it had done all its work, or failed.
        if status.code().is_some_and(|code| code != 0) {
            let said = std::fs::read_to_string(&self.log).unwrap_or_default();
            return Err(Failure::new(format!("it ended by itself with {status}: {said}")));
        }
        Ok(std::mem::take(&mut self.told))
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a moment that is not told by anything: up to `micros`, mostly much less.
pub(super) fn moment(seed: &mut Seed, micros: usize) {
    let most = 1 + seed.below(micros);
    std::thread::sleep(Duration::from_micros(seed.below(most) as u64));
}
