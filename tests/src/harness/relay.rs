use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};

use super::process::Process;
use super::{Program, Said, command, until};

/// Ports below those that the system gives to outgoing connections: a relay's port must still be free when it is started
/// again.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// `regard-relay serve` on a folder.
#[derive(Debug)]
pub struct RelayProcess {
    folder: PathBuf,
    address: SocketAddr,
    flags: Vec<String>,
    process: Option<Process>,
}

impl RelayProcess {
    /// Starts a relay on a port that is free.
    ///
    /// # Panics
    /// Where it does not come up.
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, &[])
    }

    /// Starts a relay with further flags of `serve`.
    ///
    /// # Panics
    /// Where it does not come up.
    #[must_use]
    pub fn start_with(folder: &Path, flags: &[&str]) -> Self {
        let flags = flags.iter().map(ToString::to_string).collect();
        let mut relay = Self { folder: folder.to_owned(), address: free_address(), flags, process: None };
        relay.start_again();
        relay
    }

    /// Where devices reach it.
    #[must_use]
    pub fn url(&self) -> String {
        let is_encrypted = self.flags.iter().any(|flag| flag.starts_with("--tls"));
        format!("{}://{}", if is_encrypted { "https" } else { "http" }, self.address)
    }

    /// The address at which it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its files are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes a workspace, and answers the link for its first member.
    ///
    /// # Panics
    /// Where the relay refuses.
    #[must_use]
    pub fn found(&self, name: &str) -> String {
        let mut create = command(Program::Relay);
        create.arg("--data").arg(&self.folder).args(["workspace", "create", name, "--address", &self.url()]);
        let output = create.output().expect("regard-relay can be run");
        assert!(output.status.success(), "workspace create: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Runs a command of the relay's host.
    ///
    /// # Panics
    /// Where it cannot be run.
    #[must_use]
    pub fn does(&self, arguments: &[&str]) -> Said {
        let mut relay = command(Program::Relay);
        relay.arg("--data").arg(&self.folder).args(arguments).output().expect("regard-relay can be run").into()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it on the files and the port that it had.
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn start_again(&mut self) {
        let log = self.folder.with_extension("log");
        let append = File::options().create(true).append(true).open(&log).expect("a log can be written");
        let mut serve = command(Program::Relay);
        serve.arg("--data").arg(&self.folder).args(["serve", "--listen", &self.address.to_string()]);
        serve.args(&self.flags);
        let mut process = Process::spawn(serve.stdout(Stdio::null()).stderr(append));
        until("the relay listens", || {
            if let Some(status) = process.has_ended() {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                panic!("the relay ended with {status}: {said}");
            }
            TcpStream::connect(self.address).map(drop).map_err(|error| error.to_string())
        });
        self.process = Some(process);
    }
}

/// A port of loopback that is free, and that the system gives to no outgoing connection.
#[must_use]
pub fn free_port() -> u16 {
    free_address().port()
}

fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let width = u32::from(PORTS.end - PORTS.start);
    // Test programs that run side by side begin at different ports.
    let begin = std::process::id().wrapping_mul(97) % width;
    loop {
        let offset = (begin + u32::from(NEXT.fetch_add(1, Ordering::Relaxed))) % width;
        let port = PORTS.start + u16::try_from(offset).expect("an offset within the ports");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
