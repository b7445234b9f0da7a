//! Headers that a destination gets beside those that every delivery has.
//!
//! It takes none that steers the connection or says what the body or its signature is.

use std::collections::BTreeMap;
use std::fmt;

use reqwest::header::HeaderName;
use toml::de::DeValue;

use super::secret_ref::{EXAMPLE, SecretRef};
use super::section::Section;

const MAX_HEADERS: usize = 20;
const MAX_NAME_BYTES: usize = 100;
const MAX_VALUE_BYTES: usize = 4096;

/// Of the delivery itself, or of one connection (RFC 9110, 7.6.1).
const NOT_OURS_TO_GIVE: [&str; 14] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Signatures, and what they are about.
const SIGNATURES: [&str; 2] = ["webhook-", "x-hubspot-"];

/// A header's value.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum HeaderText {
    /// Visible ASCII and spaces.
    Plain(String),
    Secret(SecretRef),
}

/// People write secrets where they should not.
impl fmt::Debug for HeaderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("Plain(…)"),
            Self::Secret(place) => f.debug_tuple("Secret").field(place).finish(),
        }
    }
}

/// The headers of a destination, by their names in lower case.
pub(crate) fn headers(section: &Section<'_>) -> BTreeMap<String, HeaderText> {
    let mut headers = BTreeMap::new();
    let Some(table) = section.table("headers") else { return headers };
    let count = table.keys().len();
    if count > MAX_HEADERS {
        let message = format!("there are {count}, and may be {MAX_HEADERS}: remove the others");
        section.fault("headers", message);
        return headers;
    }
    for (key, at) in table.keys() {
        let value = header_text(&table, key);
        match header_name(key) {
            Ok(name) if headers.contains_key(&name) => {
                table.fault_at(at, key, "is there in other letters as well: remove one of them");
            }
            Ok(name) => headers.extend(value.map(|value| (name, value))),
            Err(message) => table.fault_at(at, key, message),
        }
    }
    headers
}

fn header_name(key: &str) -> Result<String, &'static str> {
    let name = HeaderName::from_bytes(key.as_bytes()).ok();
    let name = name.filter(|name| name.as_str().len() <= MAX_NAME_BYTES);
    let name = name.ok_or("is no header's name: write letters, digits and `-`, at most 100")?;
    if NOT_OURS_TO_GIVE.contains(&name.as_str()) {
        return Err("is set by the delivery itself: remove it");
    }
    if SIGNATURES.iter().any(|prefix| name.as_str().starts_with(prefix)) {
        return Err("belongs to signatures, as all of webhook-* and x-hubspot-*: rename it");
    }
    Ok(name.as_str().to_owned())
}

fn header_text(table: &Section<'_>, key: &str) -> Option<HeaderText> {
    let visible = |c: char| c == ' ' || c.is_ascii_graphic();
    match table.value(key)?.get_ref() {
        DeValue::String(text) => {
            // Spaces around a value get lost on the way.
            let is_value =
                text.len() <= MAX_VALUE_BYTES && text.chars().all(visible) && text.trim() == text;
            if !is_value {
                let message = format!(
                    "must be up to {MAX_VALUE_BYTES} visible ASCII characters, with no space around \
                     them"
                );
                table.fault(key, message);
            }
            is_value.then(|| HeaderText::Plain(text.clone().into_owned()))
        }
        DeValue::Table(_) => SecretRef::read(table, key).map(HeaderText::Secret),
        _ => {
            table.fault(key, format!("must be a text in quotes, or {EXAMPLE}"));
            None
        }
    }
}
