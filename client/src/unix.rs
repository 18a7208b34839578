//! What is Unix-only: rights of files and folders, sockets of the file system, and the signals that end a program.

use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};

/// The socket's name in the store's folder.
const SOCKET: &str = "regard.sock";
/// `sockaddr_un` has room for 108 bytes on Linux and 104 on macOS, the closing zero included.
const SOCKET_PATH_BYTES_MAX: usize = 103;

/// Makes a folder, and those above it, that only its owner may enter.
///
/// # Errors
/// As the file system has it.
pub fn create_private_folder(folder: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Makes a file readable for its owner alone: it holds a token and a secret key.
///
/// # Errors
/// As the file system has it.
pub fn make_private(file: &Path) -> io::Result<()> {
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))
}

/// Connects to the process that owns the store in `folder`; `None` where none listens.
///
/// # Errors
/// As the operating system has it.
pub async fn connect(folder: &Path) -> io::Result<Option<UnixStream>> {
    match UnixStream::connect(socket_path(folder)?).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if tells_of_no_listener(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A listener that dies while somebody connects resets the connection.
fn tells_of_no_listener(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, NotFound};
    matches!(error.kind(), NotFound | ConnectionRefused | ConnectionReset)
}

/// Listens for other commands. Only the owner of the store may call this: a socket that is there is a left-over.
///
/// # Errors
/// As the operating system has it.
pub fn listen(folder: &Path) -> io::Result<UnixListener> {
    let path = socket_path(folder)?;
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    make_private(&path)?;
    Ok(listener)
}

/// Ends when the person or the system wants the program to end.
pub async fn told_to_stop() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// Columns and rows of the terminal on standard output; `None` where there is none, or it does not say.
#[must_use]
pub fn terminal_size() -> Option<(u16, u16)> {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col, size.ws_row))
}

/// Keeps interrupts from ending the program, for a command that another one is run by. Called within the runtime.
#[must_use]
pub fn outlive_interrupts() -> Option<tokio::signal::unix::Signal> {
    signal(SignalKind::interrupt()).ok()
}

/// Makes a new file that its owner alone may read; not over one that is there.
///
/// # Errors
/// As the file system has it.
pub fn create_private_file(path: &Path) -> io::Result<std::fs::File> {
    std::fs::File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// Whether others than the owner may read, write or enter a file or a folder.
///
/// # Errors
/// As the file system has it.
pub fn is_open_to_others(path: &Path) -> io::Result<bool> {
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

/// Bytes that this user may still write where a folder is.
///
/// # Errors
/// As the file system has it.
pub fn free_bytes(folder: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(folder)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Whether the process, or the whole system, has as many files and sockets open as it may.
#[must_use]
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

fn socket_path(folder: &Path) -> io::Result<PathBuf> {
    let path = folder.join(SOCKET);
    if path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
        return Ok(path);
    }
    let what = format!("{} is too long for a socket's path of {SOCKET_PATH_BYTES_MAX} bytes", path.display());
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}
