//! What it takes to be let in by another system: its address and a secret, and where that comes from.

use std::path::{Path, PathBuf};

use reqwest::Url;
use secrecy::SecretString;
use shared::settings::secret;

/// An API and the secret it asks for.
#[derive(Clone, Debug)]
pub struct Access {
    /// Where it is.
    pub url: Url,
    /// Its bearer token.
    pub secret: Secret,
}

/// A secret as it is now, and where it can be read again.
#[derive(Clone, Debug)]
pub struct Secret {
    /// The setting: `HUBSPOT_ACCESS_TOKEN`.
    pub name: &'static str,
    /// As it was read.
    pub value: SecretString,
    /// Of `HUBSPOT_ACCESS_TOKEN_FILE`, if that is set.
    pub file: Option<PathBuf>,
}

impl Secret {
    /// The secret of a setting or of the file its `…_FILE` twin names; `None` if neither is set.
    pub(super) fn read(
        name: &'static str,
        value: Option<&SecretString>,
        file: Option<&Path>,
    ) -> anyhow::Result<Option<Self>> {
        let file = file.filter(|file| !file.as_os_str().is_empty());
        let value = secret(name, value, file)?;
        Ok(value.map(|value| Self { name, value, file: file.map(Path::to_owned) }))
    }

    /// Reads the file again; `None` if there is none. The error names the file and not the secret.
    pub(crate) fn again(&self) -> anyhow::Result<Option<SecretString>> {
        secret(self.name, None, self.file.as_deref())
    }
}
