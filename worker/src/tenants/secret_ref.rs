//! Where a secret is: never the secret.
//!
//! What stands in its place is not repeated: it may be one. So is what is no name of a variable and no
//! path.

use std::path::PathBuf;

use toml::de::DeValue;

use super::section::Section;
use super::value::text;

/// How a reference is written.
pub(crate) const EXAMPLE: &str = "{ env = \"NAME\" } or { file = \"/path/to/it\" }";

const MAX_ENV_BYTES: usize = 128;
const MAX_PATH_BYTES: usize = 4096;

/// A secret's place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SecretRef {
    /// The variable of the environment with this name.
    Env(String),
    /// The file at this absolute path.
    File(PathBuf),
}

impl SecretRef {
    /// The reference that `key` has; `None` if it has none, or a faulty one.
    pub(crate) fn read(section: &Section<'_>, key: &str) -> Option<Self> {
        if section.value(key)?.get_ref().is_str() {
            let message = format!("no secret is written into this file: write {EXAMPLE} instead");
            section.fault(key, message);
            return None;
        }
        let place = section.table(key)?;
        place.only(&["env", "file"]);
        match (place.has("env"), place.has("file")) {
            (true, false) => place.optional("env", env).map(Self::Env),
            (false, true) => place.optional("file", file).map(Self::File),
            _ => {
                section.fault(key, format!("must name one place: {EXAMPLE}"));
                None
            }
        }
    }
}

fn env(value: &DeValue<'_>) -> Result<String, String> {
    let name = text(value)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_name = (1..=MAX_ENV_BYTES).contains(&name.len())
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(allowed);
    is_name.then(|| name.to_owned()).ok_or_else(|| {
        "must be the name of a variable, such as ACME_SECRET: letters, digits and `_`".to_owned()
    })
}

fn file(value: &DeValue<'_>) -> Result<PathBuf, String> {
    let path = text(value)?;
    // Without `..` the same place has the same parts, and is known as one.
    let is_plain = !path.split('/').any(|part| part == "..");
    let is_path =
        path.starts_with('/') && is_plain && path.len() <= MAX_PATH_BYTES && !path.contains('\0');
    is_path
        .then(|| PathBuf::from(path))
        .ok_or_else(|| "must be the absolute path of a file, such as /run/secrets/acme".to_owned())
}
