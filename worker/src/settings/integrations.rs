//! Settings of the systems that handlers talk to: HubSpot's API, Slack, the ERP, onboarding.
//!
//! Owns which of them are set, and that half a configuration stops the start. It refuses to
//! reach for any of them: an address that is well written may still be wrong. An empty setting
//! counts as none, since templates often leave empty variables behind.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};
use reqwest::Url;
use secrecy::SecretString;
use shared::settings::parse_duration;

use super::SlackSettings;
use super::access::{Access, Secret, file, filled, url, web};

pub(super) const HUBSPOT_API_URL: &str = "https://api.hubapi.com";
const HUBSPOT_BUDGET: u32 = 100;
const SLACK_PACE: Duration = Duration::from_secs(1);
/// Those that a limit can keep.
const PACES: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(3600);
const SLACK_CHANNEL: &str = "#sales-wins";
const WON_STAGES: &str = "closedwon";
const API_TIMEOUT: Duration = Duration::from_secs(10);

/// A value that may be left empty. Named otherwise than `Option`, which clap would read as
/// "may be absent, but if it is there it must not be empty".
pub type Optional<T> = Option<T>;

/// What handlers talk to. Without its token or address an integration is off, its steps are
/// skipped, and the start-up log says so.
#[derive(Args, Clone, Debug)]
pub struct IntegrationSettings {
    /// Where HubSpot's API is
    #[arg(long, env, default_value = HUBSPOT_API_URL)]
    pub hubspot_api_url: String,
    /// Access token of a private app (`pat-…`); without it deals are not read
    #[arg(long, env, hide_env_values = true)]
    pub hubspot_access_token: Option<SecretString>,
    /// File that holds HUBSPOT_ACCESS_TOKEN
    #[arg(long, env, value_name = "FILE", value_parser = file())]
    pub hubspot_access_token_file: Option<PathBuf>,
    /// Id of the app, to tell its own writes; the id in each event is always taken too
    #[arg(long, env, value_name = "ID", default_value = "", hide_default_value = true, value_parser = parse_id)]
    pub hubspot_app_id: Optional<u64>,
    /// The one portal that HUBSPOT_ACCESS_TOKEN is for; unset, HubSpot is asked at the start. Another portal's events are not acted on with the token, but go to the dead letters
    #[arg(long, env, value_name = "ID", default_value = "", hide_default_value = true, value_parser = parse_id)]
    pub hubspot_portal_id: Optional<u64>,
    /// Requests to HubSpot per 10 s and portal, all workers together; HubSpot allows 100 to 250
    #[arg(long, env, value_name = "REQUESTS", default_value = "100", value_parser = parse_budget)]
    pub hubspot_budget: u32,
    /// Slack.
    #[command(flatten)]
    pub slack: SlackSettings,
    /// Channel that is posted to, by name or id; the bot must be in it
    #[arg(long, env, default_value = SLACK_CHANNEL)]
    pub slack_channel: String,
    /// Shortest time between two messages to the channel; Slack takes about one a second
    #[arg(long, env, default_value = "1s", value_parser = parse_duration)]
    pub slack_pace: Duration,
    /// Where the ERP is: takes POST /orders, PUT and DELETE /customers/{id}
    #[arg(long, env)]
    pub erp_url: Option<String>,
    /// The ERP's key, sent as a bearer token
    #[arg(long, env, hide_env_values = true)]
    pub erp_api_key: Option<SecretString>,
    /// File that holds ERP_API_KEY
    #[arg(long, env, value_name = "FILE", value_parser = file())]
    pub erp_api_key_file: Option<PathBuf>,
    /// Address that starts a new customer's onboarding, by POST
    #[arg(long, env, hide_env_values = true)]
    pub onboarding_url: Option<String>,
    /// Deal stages that count as won, by id and separated by commas; custom pipelines have ids
    /// of their own
    #[arg(long, env, value_name = "STAGES", value_delimiter = ',', default_value = WON_STAGES)]
    pub won_stages: Vec<String>,
    /// Longest wait for one answer of any of these
    #[arg(long, env, value_name = "DURATION", default_value = "10s", value_parser = parse_timeout)]
    pub api_timeout: Duration,
    /// Act on changes that the app made itself; two handlers that write what the other reads
    /// then call each other for ever
    #[arg(
        long, env, value_name = "BOOL", default_value = "false", action = ArgAction::Set,
        num_args = 0..=1, require_equals = true, default_missing_value = "true",
        value_parser = parse_switch
    )]
    pub handle_own_writes: bool,
}

impl Default for IntegrationSettings {
    /// Every default, whatever the environment says: nothing is on.
    fn default() -> Self {
        Self {
            hubspot_api_url: HUBSPOT_API_URL.to_owned(),
            hubspot_access_token: None,
            hubspot_access_token_file: None,
            hubspot_app_id: None,
            hubspot_portal_id: None,
            hubspot_budget: HUBSPOT_BUDGET,
            slack: SlackSettings::default(),
            slack_channel: SLACK_CHANNEL.to_owned(),
            slack_pace: SLACK_PACE,
            erp_url: None,
            erp_api_key: None,
            erp_api_key_file: None,
            onboarding_url: None,
            won_stages: vec![WON_STAGES.to_owned()],
            api_timeout: API_TIMEOUT,
            handle_own_writes: false,
        }
    }
}

impl IntegrationSettings {
    /// Checks the settings against each other.
    pub fn check(&self) -> anyhow::Result<()> {
        self.hubspot()?;
        self.slack()?;
        self.erp()?;
        self.onboarding()?;
        anyhow::ensure!(
            self.slack_pace.is_zero() || PACES.contains(&self.slack_pace),
            "SLACK_PACE must be from 10ms to 1h, or 0s for as fast as Slack takes it"
        );
        Ok(())
    }

    /// Where HubSpot's API is.
    pub fn hubspot_url(&self) -> anyhow::Result<Url> {
        url("HUBSPOT_API_URL", &self.hubspot_api_url, HUBSPOT_API_URL)
    }

    /// HubSpot's API with a token of its own, if it is on.
    pub fn hubspot(&self) -> anyhow::Result<Option<Access>> {
        let url = self.hubspot_url()?;
        let secret = Secret::read(
            "HUBSPOT_ACCESS_TOKEN",
            self.hubspot_access_token.as_ref(),
            self.hubspot_access_token_file.as_deref(),
        )?;
        Ok(secret.map(|secret| Access { url, secret }))
    }

    /// Slack's API, if it is on.
    pub fn slack(&self) -> anyhow::Result<Option<Access>> {
        self.slack.access()
    }

    /// The channel that Slack messages go to.
    pub fn channel(&self) -> &str {
        filled(Some(&self.slack_channel)).unwrap_or(SLACK_CHANNEL)
    }

    /// The ERP, if it is on. It takes orders from whoever has its key, so it needs one.
    pub fn erp(&self) -> anyhow::Result<Option<Access>> {
        let (value, file) = (self.erp_api_key.as_ref(), self.erp_api_key_file.as_deref());
        let key = Secret::read("ERP_API_KEY", value, file)?;
        match (filled(self.erp_url.as_deref()), key) {
            (None, None) => Ok(None),
            (Some(text), Some(secret)) => {
                Ok(Some(Access { url: url("ERP_URL", text, "")?, secret }))
            }
            (None, Some(_)) => {
                anyhow::bail!("ERP_API_KEY is set without ERP_URL: set both or neither")
            }
            (Some(_), None) => {
                anyhow::bail!("ERP_URL is set without ERP_API_KEY: set both or neither")
            }
        }
    }

    /// The onboarding's address, if it is on. It may carry a secret in its path or query.
    pub fn onboarding(&self) -> anyhow::Result<Option<Url>> {
        filled(self.onboarding_url.as_deref()).map(|text| web("ONBOARDING_URL", text)).transpose()
    }

    /// The stages that count as won.
    pub fn won_stages(&self) -> Vec<String> {
        let stages: Vec<String> = self
            .won_stages
            .iter()
            .filter_map(|stage| filled(Some(stage)))
            .map(str::to_owned)
            .collect();
        if stages.is_empty() { vec![WON_STAGES.to_owned()] } else { stages }
    }
}

fn parse_id(text: &str) -> Result<Optional<u64>, String> {
    filled(Some(text))
        .map(|text| text.parse().map_err(|_| "write the id in digits".to_owned()))
        .transpose()
}

fn parse_budget(text: &str) -> Result<u32, String> {
    let Some(text) = filled(Some(text)) else { return Ok(HUBSPOT_BUDGET) };
    match text.parse() {
        Ok(requests @ 1..=1_000) => Ok(requests),
        _ => Err("write a number of requests from 1 to 1000".to_owned()),
    }
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    let Some(text) = filled(Some(text)) else { return Ok(API_TIMEOUT) };
    let timeout = parse_duration(text)?;
    if (Duration::from_millis(10)..=Duration::from_mins(10)).contains(&timeout) {
        Ok(timeout)
    } else {
        Err("use 10ms to 10min".to_owned())
    }
}

fn parse_switch(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "" | "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("write true or false".to_owned()),
    }
}

#[cfg(test)]
mod tests;
