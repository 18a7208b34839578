//! What is Unix-only.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Makes a folder that only its owner can enter; one that is there stays as it is.
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a file readable for its owner alone.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

/// Makes a file, which must not be there, that only its owner can read from the beginning.
pub(crate) fn make_private_file(path: &Path) -> io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Binds a socket that only its owner can open, in place of one that a dead process left.
pub(crate) fn bind_private_socket(path: &Path) -> io::Result<tokio::net::UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = tokio::net::UnixListener::bind(path)?;
    make_private(path)?;
    Ok(listener)
}

/// Reaches whoever listens on a socket.
pub(crate) async fn connect(path: &Path) -> io::Result<tokio::net::UnixStream> {
    tokio::net::UnixStream::connect(path).await
}

/// Lets this process have as many files and sockets open as the system allows it: many systems begin with 1,024 and let a
/// process have far more where it asks. Answers how many that are.
#[must_use]
pub fn raise_descriptors() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let found = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: found.maximum, maximum: found.maximum });
    // A system that does not allow it leaves what was there.
    let now = if raised.is_ok() { found.maximum } else { found.current };
    now.unwrap_or(u64::MAX)
}

/// Listens for requests to terminate.
///
/// # Errors
/// Where the operating system does not allow it.
pub fn terminate_signal() -> io::Result<tokio::signal::unix::Signal> {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
}
