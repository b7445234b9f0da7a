//! Slack's settings: where it is, and what lets us in.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;

use super::access::{Access, Secret};
use super::integrations::{file, url};

const SLACK_API_URL: &str = "https://slack.com/api";

/// Slack, for whatever is posted there.
#[derive(Args, Clone, Debug)]
pub struct SlackSettings {
    /// Where Slack's Web API is
    #[arg(long, env, default_value = SLACK_API_URL)]
    pub slack_api_url: String,
    /// Bot token (`xoxb-…`) with the scope `chat:write`; without it nothing is posted
    #[arg(long, env, hide_env_values = true)]
    pub slack_bot_token: Option<SecretString>,
    /// File that holds SLACK_BOT_TOKEN
    #[arg(long, env, value_name = "FILE", value_parser = file())]
    pub slack_bot_token_file: Option<PathBuf>,
}

impl Default for SlackSettings {
    /// Off.
    fn default() -> Self {
        Self {
            slack_api_url: SLACK_API_URL.to_owned(),
            slack_bot_token: None,
            slack_bot_token_file: None,
        }
    }
}

impl SlackSettings {
    /// Slack's API, if it is on.
    pub fn access(&self) -> anyhow::Result<Option<Access>> {
        let url = url("SLACK_API_URL", &self.slack_api_url, SLACK_API_URL)?;
        let secret = Secret::read(
            "SLACK_BOT_TOKEN",
            self.slack_bot_token.as_ref(),
            self.slack_bot_token_file.as_deref(),
        )?;
        Ok(secret.map(|secret| Access { url, secret }))
    }
}
