//! What it takes to be let in by another system: its address and a secret, and where that comes from.

use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};
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

/// What is in a setting, if there is anything.
pub(super) fn filled(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// The address of an API, onto which paths are put. Its errors do not quote it: it may hold a
/// password.
pub(super) fn url(name: &str, text: &str, default: &str) -> anyhow::Result<Url> {
    let url = web(name, filled(Some(text)).unwrap_or(default))?;
    anyhow::ensure!(
        url.username().is_empty() && url.password().is_none(),
        "{name} holds a user or password: the token has a setting of its own"
    );
    anyhow::ensure!(
        url.query().is_none() && url.fragment().is_none(),
        "{name} has a part after `?` or `#`: paths are put onto its end, so leave that away"
    );
    Ok(url)
}

/// An address of the web. Its errors do not quote it either.
pub(super) fn web(name: &str, text: &str) -> anyhow::Result<Url> {
    let url: Url = text.parse().map_err(|error| {
        anyhow::anyhow!("{name} is not an address ({error}): write it as https://host/path")
    })?;
    anyhow::ensure!(
        matches!(url.scheme(), "http" | "https"),
        "{name} must begin with https:// or http://"
    );
    Ok(url)
}

/// A path that may be empty, which clap's own parser refuses.
pub(super) fn file() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}
