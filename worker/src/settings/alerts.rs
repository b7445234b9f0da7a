//! The settings of alerts that need no Prometheus: where they are posted, and whose metrics they are
//! made of.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use clap::Args;

use super::access::Access;
use super::address::parse_address;
use super::integrations::Optional;
use super::slack::SlackSettings;

/// Alerts, wherever the console runs.
#[derive(Args, Clone, Debug, Default)]
pub struct AlertSettings {
    /// Slack channel, by name or id, that alerts are posted to, opened and resolved; the bot must be in it
    #[arg(long, env, default_value = "", hide_default_value = true, value_parser = parse_channel)]
    pub alert_slack_channel: Optional<String>,
    /// Whose /metrics alerts are made of, beside CONSOLE_RECEIVERS: the admin addresses of workers, and
    /// of RabbitMQ's plugin for Prometheus: HOST:PORT,… A name counts for every address that it
    /// resolves to
    #[arg(long, env, value_delimiter = ',', value_name = "ADDRESSES", value_parser = parse_address)]
    pub alert_sources: Vec<String>,
}

impl AlertSettings {
    /// The channel and what lets us in, if alerts are to be posted.
    pub(crate) fn channel(
        &self,
        slack: &SlackSettings,
    ) -> anyhow::Result<Option<(String, Access)>> {
        let Some(channel) = &self.alert_slack_channel else { return Ok(None) };
        let access = slack.access()?.ok_or_else(|| {
            anyhow::anyhow!(
                "ALERT_SLACK_CHANNEL is set without SLACK_BOT_TOKEN: set both or neither"
            )
        })?;
        Ok(Some((channel.clone(), access)))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what clap takes")]
fn parse_channel(text: &str) -> Result<Optional<String>, String> {
    Ok(Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned))
}
