//! What a command is given to read: a file, or standard input.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;

/// The largest that is read.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// All of the file; of standard input where it is `-`.
pub(super) fn bytes_of(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin()
            .take(MAX_BYTES)
            .read_to_end(&mut bytes)
            .context("cannot read standard input")?;
    } else {
        let opened = std::fs::File::open(file).context("cannot open the file")?;
        opened.take(MAX_BYTES).read_to_end(&mut bytes).context("cannot read the file")?;
    }
    Ok(bytes)
}
