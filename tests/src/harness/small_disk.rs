use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tempfile::TempDir;

/// What fills a disk that is mounted.
const BALLAST: &str = "ballast";
const BALLAST_PIECE: usize = 4 << 10;

/// A small disk of its own that can be filled, and can be mounted read-only.
///
/// It is a file system in memory, mounted in a name space that a shell of ours lives in, and reached through that shell's
/// `/proc/<id>/root`: no rights are needed but the one to make user name spaces. Where a machine does not allow them,
/// the limit on the sizes of files takes its place, which gives errors of the same kind.
#[derive(Debug, Clone)]
pub struct SmallDisk(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    _folder: TempDir,
}

#[derive(Debug)]
enum Kind {
    Mounted { shell: Mutex<Shell>, mounted_at: PathBuf, root: PathBuf },
    Limited { is_full: AtomicBool, root: PathBuf },
}

#[derive(Debug)]
struct Shell {
    child: Child,
    says: ChildStdin,
    hears: BufReader<ChildStdout>,
}

impl SmallDisk {
    /// A disk of so many kilobytes.
    ///
    /// # Panics
    /// Where not even a folder can be made.
    #[must_use]
    pub fn of_kilobytes(kilobytes: usize) -> Self {
        let folder = tempfile::Builder::new().prefix("regard-disk-").tempdir().expect("a folder");
        let mounted_at = folder.path().to_owned();
        let mount = format!("mount -t tmpfs -o mode=700,size={kilobytes}k tmpfs {}", mounted_at.display());
        let mounting = Shell::begin().and_then(|mut shell| shell.does(&mount).then_some(shell));
        let kind = match mounting {
            Some(shell) => {
                let root = PathBuf::from(format!("/proc/{}/root{}", shell.child.id(), mounted_at.display()));
                Kind::Mounted { shell: Mutex::new(shell), mounted_at, root }
            }
            None => Kind::Limited { is_full: AtomicBool::new(false), root: mounted_at },
        };
        Self(Arc::new(Inner { kind, _folder: folder }))
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        match &self.0.kind {
            Kind::Mounted { root, .. } | Kind::Limited { root, .. } => root,
        }
    }

    /// A command that runs a program as this disk needs it.
    pub(super) fn command(&self, program: &Path) -> Command {
        match &self.0.kind {
            Kind::Mounted { .. } => Command::new(program),
            Kind::Limited { is_full, .. } => {
                // Writing beyond the limit is answered with an error where its signal is ignored.
                let limit = if is_full.load(Ordering::SeqCst) { "ulimit -S -f 0; " } else { "" };
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(format!("trap '' XFSZ; {limit}exec \"$0\" \"$@\"")).arg(program);
                shell
            }
        }
    }

    /// Fills it to the last byte, for these processes and for commands that are started from now on.
    ///
    /// # Panics
    /// Where it cannot be filled.
    pub fn fill(&self, processes: &[u32]) {
        match &self.0.kind {
            Kind::Mounted { root, .. } => {
                let mut ballast = std::fs::File::create(root.join(BALLAST)).expect("a file");
                let piece = [0; BALLAST_PIECE];
                let full = std::iter::repeat_with(|| ballast.write_all(&piece)).find_map(Result::err).expect("an end");
                assert_eq!(full.kind(), ErrorKind::StorageFull, "{full}");
            }
            Kind::Limited { is_full, .. } => {
                is_full.store(true, Ordering::SeqCst);
                for process in processes {
                    limit(*process, Resource::Fsize, Some(0));
                }
            }
        }
    }

    /// Makes room again.
    ///
    /// # Panics
    /// Where that is not possible.
    pub fn make_room(&self, processes: &[u32]) {
        match &self.0.kind {
            Kind::Mounted { root, .. } => std::fs::remove_file(root.join(BALLAST)).expect("the ballast can be removed"),
            Kind::Limited { is_full, .. } => {
                is_full.store(false, Ordering::SeqCst);
                for process in processes {
                    limit(*process, Resource::Fsize, None);
                }
            }
        }
    }

    /// Lets nobody write any more, or again. Nobody may have a file of it open. Rights of files and folders would not do: they
    /// do not bind root, as whom tests often run.
    ///
    /// # Panics
    /// Where that is not possible.
    pub fn set_read_only(&self, is_read_only: bool) {
        match &self.0.kind {
            Kind::Mounted { shell, mounted_at, .. } => {
                let mode = if is_read_only { "ro" } else { "rw" };
                let mut shell = shell.lock().unwrap_or_else(PoisonError::into_inner);
                assert!(shell.does(&format!("mount -o remount,{mode} {}", mounted_at.display())), "it is in use");
            }
            // Nothing can be written then, though with another reason.
            Kind::Limited { is_full, .. } => is_full.store(is_read_only, Ordering::SeqCst),
        }
    }
}

impl Shell {
    fn begin() -> Option<Self> {
        let mut unshare = Command::new("unshare");
        unshare.args(["--user", "--map-root-user", "--mount", "sh"]);
        unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = unshare.spawn().ok()?;
        let (says, hears) = (child.stdin.take()?, BufReader::new(child.stdout.take()?));
        Some(Self { child, says, hears })
    }

    /// Whether a command succeeded.
    fn does(&mut self, command: &str) -> bool {
        let mut answer = String::new();
        let asked = writeln!(self.says, "{command} && echo yes || echo no").and_then(|()| self.says.flush());
        asked.is_ok() && self.hears.read_line(&mut answer).is_ok() && answer.trim() == "yes"
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // The name space, and what is mounted in it, goes with its last process.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sets what a running process may use of a resource: so much, or as much as it could have at all.
///
/// # Panics
/// Where the process has gone.
pub fn limit(process: u32, resource: Resource, most: Option<u64>) {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw).expect("a process id");
    let now = std::fs::read_to_string(format!("/proc/{process}/limits")).expect("the process runs");
    let name = match resource {
        Resource::Nofile => "Max open files",
        Resource::Fsize => "Max file size",
        other => panic!("{other:?} is not read here"),
    };
    let line = now.lines().find_map(|line| line.strip_prefix(name)).expect("its limit");
    let maximum = line.split_whitespace().nth(1).and_then(|maximum| maximum.parse().ok());
    prlimit(Some(pid), resource, Rlimit { current: most.or(maximum), maximum }).expect("limits can be set");
}
