//! What is Unix-only: rights of files and folders, and sockets of the file system.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Makes a folder, and those above it, that only its owner may enter.
///
/// # Errors
/// As the file system has it.
pub fn create_private_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
