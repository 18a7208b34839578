use std::process::{Child, Command, ExitStatus};

/// A process that does not outlive its test.
#[derive(Debug)]
pub(super) struct Process(Child);

impl Process {
    pub(super) fn spawn(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}")))
    }

    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    pub(super) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("a child can be asked whether it runs")
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// The most memory that it has held so far, in bytes; none where the system does not tell.
    pub(super) fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kilobytes * 1_024)
    }

    /// `kill -9`: no goodbye, no chance to write anything.
    pub(super) fn kill(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Tells it to end, as a system that shuts down does, and waits for it.
    pub(super) fn terminate(&mut self) -> ExitStatus {
        let told = Command::new("kill").arg("-TERM").arg(self.0.id().to_string()).status();
        assert!(told.is_ok_and(|status| status.success()), "kill -TERM {} failed", self.0.id());
        super::until("the process ends when it is told to", || {
            self.has_ended().ok_or_else(|| format!("process {} still runs", self.0.id()))
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
