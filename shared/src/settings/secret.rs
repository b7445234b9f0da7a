//! Secrets, each from its setting or from a file. Shows none of them.

use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};

/// The largest secret file that is read, in bytes.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// A secret from its setting or from the file its `…_FILE` twin names; both at once is an
/// error. An empty setting counts as none, since templates often leave empty variables behind.
pub fn secret(
    name: &str,
    value: Option<&SecretString>,
    file: Option<&Path>,
) -> anyhow::Result<Option<SecretString>> {
    let value = value.filter(|value| !value.expose_secret().trim().is_empty());
    let Some(file) = file else { return Ok(value.cloned()) };
    anyhow::ensure!(value.is_none(), "set {name} or {name}_FILE, not both");
    secret_in(file).map(Some).map_err(|error| anyhow::anyhow!("{name}_FILE: {error}"))
}

/// The secret in a file: not more than 64 KiB, and not nothing. The error names the file alone.
pub fn secret_in(file: &Path) -> anyhow::Result<SecretString> {
    let describe = |error| anyhow::anyhow!("cannot read {}: {error}", file.display());
    let size = std::fs::metadata(file).map_err(describe)?.len();
    anyhow::ensure!(size <= MAX_SECRET_BYTES, "{} is too large for a secret", file.display());
    let text = std::fs::read_to_string(file).map_err(describe)?;
    // Editors and `echo` end a file with a newline that is not part of the secret.
    let text = text.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(!text.is_empty(), "{} is empty", file.display());
    Ok(SecretString::from(text.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn an_empty_secret_counts_as_none() {
        let blank = SecretString::from(" ".to_owned());
        assert!(secret("X", Some(&blank), None).unwrap().is_none());
    }
}
