//! How Redis is reached.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;
use shared::settings;

/// Redis, which has the ledger of a cluster.
#[derive(Args, Clone, Debug)]
pub struct RedisSettings {
    /// Redis' address; `rediss://` is not offered, keep Redis on a private network
    #[arg(long, env, hide_env_values = true, default_value = "redis://127.0.0.1:6379/0")]
    pub redis_url: SecretString,
    /// File that holds REDIS_URL
    #[arg(long, env, value_name = "FILE")]
    pub redis_url_file: Option<PathBuf>,
}

impl RedisSettings {
    /// Redis' address, from the file if one is named. Whether it is one, the ledger says.
    pub fn url(&self) -> anyhow::Result<SecretString> {
        let in_file = settings::secret("REDIS_URL", None, self.redis_url_file.as_deref())?;
        Ok(in_file.unwrap_or_else(|| self.redis_url.clone()))
    }
}
