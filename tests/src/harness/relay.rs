use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
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
    #[cfg(target_os = "linux")]
    disk: Option<super::SmallDisk>,
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
        let mut relay = Self::not_yet(folder, flags);
        relay.start_again();
        relay
    }

    /// A relay that has not been started yet, on a disk of its own.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn on_disk(disk: &super::SmallDisk) -> Self {
        Self { disk: Some(disk.clone()), ..Self::not_yet(&disk.folder().join("relay"), &[]) }
    }

    fn not_yet(folder: &Path, flags: &[&str]) -> Self {
        Self {
            folder: folder.to_owned(),
            address: free_address(),
            flags: flags.iter().map(ToString::to_string).collect(),
            process: None,
            #[cfg(target_os = "linux")]
            disk: None,
        }
    }

    fn program(&self) -> Command {
        #[cfg(target_os = "linux")]
        if let Some(disk) = &self.disk {
            return super::programs::command_on(disk, Program::Relay);
        }
        command(Program::Relay)
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
        let mut create = self.program();
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
        let mut relay = self.program();
        relay.arg("--data").arg(&self.folder).args(arguments).output().expect("regard-relay can be run").into()
    }

    /// The most memory that it has held so far, in bytes; none where it does not run or the system does not tell.
    #[must_use]
    pub fn peak_memory(&self) -> Option<u64> {
        self.process.as_ref()?.peak_memory()
    }

    /// The id of its process, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.with_extension("log")).unwrap_or_default()
    }

    /// Asks a path of it in plain HTTP and answers the whole answer.
    ///
    /// # Errors
    /// As the network has it.
    pub fn answers(&self, path: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(super::PATIENCE))?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// What it counts of its work.
    ///
    /// # Panics
    /// Where it does not tell.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.answers("/metrics").expect("figures")
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
        let mut serve = self.program();
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
