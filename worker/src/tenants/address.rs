//! The URL of a destination.
//!
//! Owns its syntax; whether it may be called is decided where it is called. Path and query may let
//! somebody in: they are in no fault, and Debug does not show them.

use std::fmt;

use reqwest::Url;
use toml::de::DeValue;

use super::value::text;

const MAX_URL_BYTES: usize = 2048;

/// A URL over HTTP or HTTPS that has a host, and neither user nor password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address(Url);

impl Address {
    pub(crate) fn of(value: &DeValue<'_>) -> Result<Self, String> {
        let text = text(value)?;
        if text.len() > MAX_URL_BYTES {
            return Err(format!("is longer than {MAX_URL_BYTES} bytes: write a shorter URL"));
        }
        let no_url = || "is no URL: write it as https://host/path".to_owned();
        let url = Url::parse(text).map_err(|_| no_url())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("must begin with https:// or http://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must have no user and no password: write them into `headers`, as an \
                Authorization by { env = … } or { file = … }"
                .to_owned());
        }
        if url.has_host() { Ok(Self(url)) } else { Err(no_url()) }
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/…", self.0.origin().ascii_serialization())
    }
}
