//! A secret in a file that only its owner may read.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;

/// Writes it into a new file.
pub(super) fn write(file: &Path, secret: &str) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut opened =
        options.open(file).with_context(|| format!("cannot write {}", file.display()))?;
    opened.write_all(secret.as_bytes())?;
    Ok(())
}
