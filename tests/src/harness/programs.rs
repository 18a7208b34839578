use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The programs of the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The command of a person's device.
    Regard,
    /// The relay.
    Relay,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::Regard => "regard",
            Self::Relay => "regard-relay",
        }
    }

    /// Its file, built from the sources as they are now.
    ///
    /// # Panics
    /// Where it cannot be built.
    #[must_use]
    pub fn path(self) -> &'static PathBuf {
        static BUILT: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
        let built = BUILT.get_or_init(build);
        built.get(self.name()).unwrap_or_else(|| panic!("cargo built no {}", self.name()))
    }
}

/// A command that runs a program undisturbed by what is set around the tests.
#[must_use]
pub fn command(program: Program) -> Command {
    undisturbed(Command::new(program.path()))
}

/// The same on a disk of its own.
#[cfg(target_os = "linux")]
pub(super) fn command_on(disk: &super::SmallDisk, program: Program) -> Command {
    undisturbed(disk.command(program.path()))
}

fn undisturbed(mut command: Command) -> Command {
    for name in ["RUST_LOG", "NO_COLOR", "CLICOLOR_FORCE", "SSL_CERT_FILE", "SSL_CERT_DIR", "PAGER", "VISUAL", "EDITOR"]
    {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("REGARD_")) {
        command.env_remove(name);
    }
    // The settings of whoever runs the tests are somewhere else.
    command.env("TZ", "UTC").env("XDG_CONFIG_HOME", "/nowhere/regard-tests").stdin(Stdio::null());
    command
}

/// Cargo tells other packages nothing of the programs that a package builds, so it is asked: a build of what is built
/// already takes a moment.
fn build() -> BTreeMap<String, PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.arg("build").args(["--workspace", "--bin", "regard", "--bin", "regard-relay"]);
    cargo.args(["--message-format", "json-render-diagnostics", "--quiet"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    // What cargo tells this test of its package would count as a change for build scripts that ask for it (ring's does), and
    // so build half of everything anew, here and again when the tests are built next.
    let told = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| told(&name.to_string_lossy())) {
        cargo.env_remove(name);
    }
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.expect("cargo can be run");
    assert!(output.status.success(), "the programs could not be built");
    let messages = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let executable = |line: &[u8]| {
        let message: Value = serde_json::from_slice(line).ok()?;
        let path = message["executable"].as_str()?;
        Some((message["target"]["name"].as_str()?.to_owned(), PathBuf::from(path)))
    };
    messages.filter_map(executable).collect()
}
