//! Who plays: the relay, Ana and Ben, each a process (or several) of this program.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use regard_core::id::WorkspaceId;
use regard_core::wire::access::Invitation;
use regard_relay::Relay;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::api::types::{Problem, ProblemCode};
use crate::system::SystemEntropy;
use crate::unix;

/// How long anything in the story may take before it has failed. Everything takes milliseconds; a busy machine takes longer.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between two looks at whether something has come about.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What the relay of the story says first.
#[derive(Debug, Serialize, Deserialize)]
struct Curtain {
    address: SocketAddr,
    founding: Option<String>,
}

/// Is the relay of the story, until it is told to stop or killed.
pub(super) async fn be_the_relay(folder: &Path, listen: SocketAddr, found: Option<&str>) -> Result<(), Problem> {
    let failed = |error: &dyn std::fmt::Display| problem(format!("the relay failed: {error}"));
    let relay = Relay::open(folder).map_err(|error| failed(&error))?;
    let listener = TcpListener::bind(listen).await.map_err(|error| failed(&error))?;
    let address = listener.local_addr().map_err(|error| failed(&error))?;
    let founding = match found {
        Some(name) => {
            let workspace = WorkspaceId::random(&mut SystemEntropy);
            let secret = relay.create_workspace(workspace, name).map_err(|error| failed(&error))?;
            let relay = format!("http://{address}");
            Some(Invitation { relay, workspace, secret, namespace: None, certificate: None }.link())
        }
        None => None,
    };
    println!("{}", serde_json::to_string(&Curtain { address, founding }).unwrap_or_default());
    relay.serve(listener, unix::told_to_stop()).await.map_err(|error| failed(&error))
}

/// The relay's process.
pub(super) struct RelayProcess {
    child: Child,
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// The link for the first device, where the workspace was founded.
    pub(super) founding: Option<String>,
}

impl RelayProcess {
    pub(super) fn start(folder: &Path, listen: SocketAddr, found: Option<&str>) -> Result<Self, Problem> {
        let mut command = program()?;
        command.arg("demo").arg("--relay").arg(folder).arg("--listen").arg(listen.to_string());
        command.args(found.iter().flat_map(|name| ["--found", name]));
        let mut child = spawn(&mut command)?;
        let mut line = String::new();
        let said = stdout(&mut child)?.read_line(&mut line);
        said.map_err(|error| problem(format!("the relay said nothing: {error}")))?;
        let curtain: Curtain = serde_json::from_str(&line).map_err(|error| {
            let _ = child.kill();
            problem(format!("the relay did not start: {error}"))
        })?;
        Ok(Self { child, address: curtain.address, founding: curtain.founding })
    }

    /// Kills it as a power cut would: no goodbye, no chance to write anything.
    pub(super) fn kill(&mut self) -> Result<(), Problem> {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .map(drop)
            .map_err(|error| problem(format!("kill -9 failed: {error}")))
    }
}

impl Drop for RelayProcess {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A person with a device: a store, and `regard up` running on it.
pub(super) struct Person {
    /// The person's name.
    pub(super) name: &'static str,
    /// The store's folder.
    pub(super) folder: PathBuf,
    up: Option<Child>,
}

impl Person {
    pub(super) fn joins(name: &'static str, folder: PathBuf, link: &str) -> Result<Self, Problem> {
        let mut person = Self { name, folder, up: None };
        let device = format!("{name}'s laptop");
        person.does(&["join", link, "--member", name, "--device", &device])?;
        let mut command = program()?;
        command.arg("--store").arg(&person.folder).args(["--json", "up"]);
        let mut child = spawn(&mut command)?;
        let first = serde_json::Deserializer::from_reader(stdout(&mut child)?).into_iter::<Value>().next();
        person.up = Some(child);
        match first {
            Some(Ok(_)) => Ok(person),
            _ => Err(problem(format!("`regard up` of {name} did not start"))),
        }
    }

    /// Runs a command as the person would, and answers what it says in JSON.
    pub(super) fn does(&self, arguments: &[&str]) -> Result<Value, Problem> {
        let mut command = program()?;
        command.arg("--store").arg(&self.folder).arg("--json").args(arguments).stdin(Stdio::null());
        let output = command.output().map_err(|error| problem(format!("a command could not be run: {error}")))?;
        if output.status.success() {
            return serde_json::from_slice(&output.stdout).map_err(|error| {
                problem(format!("`regard {}` of {} said no JSON: {error}", arguments.join(" "), self.name))
            });
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(problem(format!("`regard {}` of {} failed: {said}", arguments.join(" "), self.name)))
    }

    /// Runs a command until its answer is as wanted, for a bounded time.
    pub(super) fn sees(
        &self,
        what: &str,
        arguments: &[&str],
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value, Problem> {
        let started = Instant::now();
        loop {
            let answer = self.does(arguments)?;
            if wanted(&answer) {
                return Ok(answer);
            }
            if started.elapsed() > PATIENCE {
                return Err(problem(format!("{} never saw that {what}; last: {answer}", self.name)));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Ends `regard up` in the ordinary way.
    pub(super) fn stops(&mut self) -> Result<(), Problem> {
        let Some(mut child) = self.up.take() else { return Ok(()) };
        let told = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status();
        let ended = told.and_then(|_| child.wait()).map_err(|error| problem(format!("stopping failed: {error}")))?;
        if ended.success() { Ok(()) } else { Err(problem(format!("`regard up` of {} ended with {ended}", self.name))) }
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        if let Some(child) = &mut self.up {
            end(child);
        }
    }
}

pub(super) fn problem(message: impl Into<String>) -> Problem {
    Problem::new(ProblemCode::Failed, message)
}

fn program() -> Result<Command, Problem> {
    let path =
        std::env::current_exe().map_err(|error| problem(format!("this program does not find itself: {error}")))?;
    let mut command = Command::new(path);
    // The story's processes say what the story asks for, whatever is set around it.
    command.env_remove("REGARD_STORE").env("RUST_LOG", "off");
    Ok(command)
}

fn spawn(command: &mut Command) -> Result<Child, Problem> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().map_err(|error| problem(format!("a process could not be started: {error}")))
}

fn stdout(child: &mut Child) -> Result<BufReader<ChildStdout>, Problem> {
    child.stdout.take().map(BufReader::new).ok_or_else(|| problem("a process has no output"))
}

fn end(child: &mut Child) {
    // It may have ended already; then there is nothing to do.
    let _ = child.kill();
    let _ = child.wait();
}
