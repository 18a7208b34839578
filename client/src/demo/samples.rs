//! Mail, cards and calendars written for the purpose.

use std::path::Path;

const SAMPLES: &[(&str, &[u8])] = &[];

/// Writes the samples into a new folder.
pub(super) fn write(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    SAMPLES.iter().try_for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes))
}
