//! The keys that secrets are sealed with where they are kept.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;
use shared::settings::secret;

use super::access::file;
use crate::sealed::Keys;

/// The keys.
#[derive(Args, Clone, Debug, Default)]
pub struct SecretsKeySettings {
    /// Keys that secrets are sealed with where they are kept: 32 bytes in base64 each, separated by spaces,
    /// commas or lines; the first seals, all open
    #[arg(long, env, value_name = "KEYS", hide_env_values = true)]
    pub secrets_key: Option<SecretString>,
    /// File that holds SECRETS_KEY
    #[arg(long, env, value_name = "FILE", value_parser = file())]
    pub secrets_key_file: Option<PathBuf>,
}

impl SecretsKeySettings {
    /// The keys, if there are any.
    pub(crate) fn keys(&self) -> anyhow::Result<Option<Keys>> {
        let file = self.secrets_key_file.as_deref().filter(|file| !file.as_os_str().is_empty());
        let text = secret("SECRETS_KEY", self.secrets_key.as_ref(), file)?;
        text.map(|text| Keys::parse(&text)).transpose()
    }
}
