//! The settings of the console: where it is, who may come in, and whose refusals it shows; and
//! those of `worker console`, which runs it by itself.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use ipnet::IpNet;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use shared::settings::{
    BrokerSettings, LogSettings, TraceSettings, distinct_listeners, parse_listener, secret,
};

use super::access::{file, url};
use super::address::parse_address;
use super::alerts::AlertSettings;
use super::console_url::ConsoleUrl;
use super::integrations::HUBSPOT_API_URL;
use super::oauth::{AppSettings, ClientSecretSettings, InstallSettings};
use super::records::RecordsSettings;
use super::retry::RetrySettings;
use super::slack::SlackSettings;
use super::tenant_tokens::{self, MIN_TOKEN_CHARS, TenantToken};

/// The console, wherever it runs.
#[derive(Args, Clone, Debug)]
pub struct ConsoleSettings {
    /// Where the console is served; anywhere but on a loopback address it needs a token
    #[arg(long, env, default_value = "127.0.0.1:8090", value_parser = parse_listener)]
    pub console_listen: SocketAddr,
    #[allow(rustdoc::bare_urls, reason = "a help text")]
    /// Address under which people open the console, e.g. https://hubline.example.com; needed where
    /// a proxy before it changes the Host header, and best set wherever there is one
    #[arg(long, env, value_name = "URL")]
    pub console_url: Option<ConsoleUrl>,
    /// Addresses or networks of the proxies before the console and OAUTH_LISTEN, e.g. 10.0.0.0/8, whose
    /// X-Forwarded-For is believed: without, all who come by one proxy share its wrong tokens and installs
    #[arg(long, env, value_delimiter = ',', value_name = "NETWORKS", value_parser = parse_network)]
    pub console_trusted_proxies: Vec<IpNet>,
    /// Token of operators, who may act; at least 16 characters
    #[arg(long, env, hide_env_values = true)]
    pub console_token: Option<SecretString>,
    /// File that holds CONSOLE_TOKEN
    #[arg(long, env, value_name = "FILE")]
    pub console_token_file: Option<PathBuf>,
    /// Token of viewers, who may only read
    #[arg(long, env, hide_env_values = true)]
    pub console_viewer_token: Option<SecretString>,
    /// File that holds CONSOLE_VIEWER_TOKEN
    #[arg(long, env, value_name = "FILE")]
    pub console_viewer_token_file: Option<PathBuf>,
    /// File with tokens that open one account alone, a line each: hubspot/62515 viewer TOKEN, or operator
    /// in the place of viewer; read again when it changes
    #[arg(long, env, value_name = "FILE", value_parser = file())]
    pub console_tenant_tokens_file: Option<PathBuf>,
    /// Admin addresses of receivers, whose refused requests the console shows: HOST:PORT,…
    #[arg(long, env, value_delimiter = ',', value_name = "ADDRESSES", value_parser = parse_address)]
    pub console_receivers: Vec<String>,
    /// Alerts.
    #[command(flatten)]
    pub alerts: AlertSettings,
    /// Where the app is installed.
    #[command(flatten)]
    pub install: InstallSettings,
}

/// What lets people in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) operator: Option<SecretString>,
    pub(crate) viewer: Option<SecretString>,
    /// Those that open one account each.
    pub(crate) tenants: Vec<TenantToken>,
}

impl ConsoleSettings {
    /// The tokens; without any, everybody who reaches a loopback address may do everything.
    pub(crate) fn tokens(&self) -> anyhow::Result<Tokens> {
        let token = |name: &str, value, file| {
            let token = secret(name, value, file)?;
            let is_long = |token: &SecretString| {
                token.expose_secret().trim().chars().count() >= MIN_TOKEN_CHARS
            };
            anyhow::ensure!(
                token.as_ref().is_none_or(is_long),
                "{name} is too short: give it at least {MIN_TOKEN_CHARS} characters, e.g. those of `openssl rand -hex 24`"
            );
            Ok(token)
        };
        let (operator_file, viewer_file) =
            (self.console_token_file.as_deref(), self.console_viewer_token_file.as_deref());
        let operator = token("CONSOLE_TOKEN", self.console_token.as_ref(), operator_file)?;
        let viewer =
            token("CONSOLE_VIEWER_TOKEN", self.console_viewer_token.as_ref(), viewer_file)?;
        if let (Some(operator), Some(viewer)) = (&operator, &viewer) {
            anyhow::ensure!(
                operator.expose_secret().trim() != viewer.expose_secret().trim(),
                "CONSOLE_TOKEN and CONSOLE_VIEWER_TOKEN are the same: viewers could do everything"
            );
        }
        let tokens = Tokens { operator, viewer, tenants: Vec::new() };
        Ok(Tokens { tenants: self.tenant_tokens(&tokens)?, ..tokens })
    }

    /// The file of tenants' tokens, if there is to be one.
    pub(crate) fn tenant_tokens_file(&self) -> Option<&Path> {
        let file = self.console_tenant_tokens_file.as_deref();
        file.filter(|file| !file.as_os_str().is_empty())
    }

    /// What is in that file now, beside these tokens.
    pub(crate) fn tenant_tokens(&self, beside: &Tokens) -> anyhow::Result<Vec<TenantToken>> {
        let Some(file) = self.tenant_tokens_file() else { return Ok(Vec::new()) };
        // Nor does a file that has become empty open the console to everybody.
        anyhow::ensure!(
            beside.operator.is_some() || beside.viewer.is_some(),
            "CONSOLE_TENANT_TOKENS_FILE is set, and nobody could see more than one account: set CONSOLE_TOKEN too"
        );
        let others = [
            ("CONSOLE_TOKEN", beside.operator.as_ref()),
            ("CONSOLE_VIEWER_TOKEN", beside.viewer.as_ref()),
        ];
        tenant_tokens::read(file, &others).context("CONSOLE_TENANT_TOKENS_FILE")
    }

    /// Checks the settings against each other.
    pub fn check(&self) -> anyhow::Result<()> {
        let Tokens { operator, viewer, .. } = self.tokens()?;
        anyhow::ensure!(
            self.console_listen.ip().is_loopback() || operator.is_some() || viewer.is_some(),
            "CONSOLE_LISTEN is {}, which others can reach: set CONSOLE_TOKEN, or listen on 127.0.0.1",
            self.console_listen
        );
        if let Some(url) = &self.console_url {
            anyhow::ensure!(
                operator.is_some() || viewer.is_some(),
                "CONSOLE_URL is {url}, and without a token the console answers this machine alone: set CONSOLE_TOKEN"
            );
        }
        Ok(())
    }
}

/// Everything `worker console` can be told.
#[derive(Args, Clone, Debug)]
pub struct ConsoleProgramSettings {
    /// The console.
    #[command(flatten)]
    pub console: ConsoleSettings,
    /// Where /livez, /readyz and /metrics are served
    #[arg(long, env, default_value = "127.0.0.1:9092", value_parser = parse_listener)]
    pub admin_listen: SocketAddr,
    /// Records.
    #[command(flatten)]
    pub records: RecordsSettings,
    /// The broker.
    #[command(flatten)]
    pub broker: BrokerSettings,
    /// The retry schedule: the names of the queues that retries wait in.
    #[command(flatten)]
    pub retry: RetrySettings,
    /// The workers' file of tenants, for the page that shows them; without it they are taken from the records
    #[arg(long, env, value_name = "FILE", value_parser = file())]
    pub tenants_file: Option<PathBuf>,
    /// The app that portals install.
    #[command(flatten)]
    pub app: AppSettings,
    /// The app's secret.
    #[command(flatten)]
    pub client_secret: ClientSecretSettings,
    /// Where HubSpot's API is
    #[arg(long, env, default_value = HUBSPOT_API_URL)]
    pub hubspot_api_url: String,
    /// Slack, for alerts.
    #[command(flatten)]
    pub slack: SlackSettings,
    /// Logging.
    #[command(flatten)]
    pub log: LogSettings,
    /// Traces.
    #[command(flatten)]
    pub trace: TraceSettings,
}

impl ConsoleProgramSettings {
    /// The file of tenants, if one is named.
    pub(crate) fn tenants_file(&self) -> Option<PathBuf> {
        self.tenants_file.clone().filter(|file| !file.as_os_str().is_empty())
    }

    /// Checks the settings against each other.
    pub fn check(&self) -> anyhow::Result<()> {
        self.console.check()?;
        self.console.alerts.channel(&self.slack)?;
        self.records.check()?;
        anyhow::ensure!(
            self.records.url()?.is_some(),
            "DATABASE_URL is not set: the console shows what is in the records"
        );
        self.broker.hosts()?;
        self.retry.schedule()?;
        self.trace.check()?;
        self.app.check(self.client_secret.secret()?.as_ref(), true)?;
        self.console.install.check(&self.app)?;
        self.hubspot_url()?;
        let mut listeners = vec![
            ("CONSOLE_LISTEN", self.console.console_listen),
            ("ADMIN_LISTEN", self.admin_listen),
        ];
        listeners.extend(self.console.install.oauth_listen.map(|listen| ("OAUTH_LISTEN", listen)));
        distinct_listeners(&listeners)
    }

    /// Where HubSpot's API is.
    pub(crate) fn hubspot_url(&self) -> anyhow::Result<Url> {
        url("HUBSPOT_API_URL", &self.hubspot_api_url, HUBSPOT_API_URL)
    }
}

/// `10.0.0.0/8`, or a single address.
fn parse_network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address.or_else(|_| text.parse()).map_err(|_| {
        "write an address or a network, e.g. 10.0.0.7 or 10.0.0.0/8 or fd00::/8".to_owned()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Parsed {
        #[command(flatten)]
        settings: ConsoleSettings,
    }

    fn check(flags: &[&str]) -> Result<(), String> {
        let flags = [&["console"], flags].concat();
        let parsed = Parsed::try_parse_from(flags).map_err(|error| error.to_string())?;
        parsed.settings.check().map_err(|error| format!("{error:#}"))
    }

    const TOKEN: &str = "0123456789abcdef";

    #[test]
    fn what_others_can_reach_needs_a_token() {
        assert_eq!(check(&["--console-listen", "127.0.0.2:1"]), Ok(()));
        assert_eq!(check(&["--console-listen", "[::1]:1"]), Ok(()));
        for listen in ["0.0.0.0:1", "[::]:1", "10.0.0.7:1"] {
            let error = check(&["--console-listen", listen]).unwrap_err();
            assert!(error.contains("CONSOLE_TOKEN") && error.contains(listen), "{error}");
            assert_eq!(check(&["--console-listen", listen, "--console-token", TOKEN]), Ok(()));
        }
    }

    #[test]
    fn a_public_address_needs_a_token() {
        let url = "https://hubline.example.com";
        let error = check(&["--console-url", url]).unwrap_err();
        assert!(error.contains("CONSOLE_TOKEN") && error.contains(url), "{error}");
        assert_eq!(check(&["--console-url", url, "--console-token", TOKEN]), Ok(()));
        assert!(check(&["--console-url", "hubline.example.com"]).is_err());
    }

    #[test]
    fn tokens_of_tenants_are_beside_one_that_opens_everything() {
        let file = std::env::temp_dir().join(format!("hubline-{:032x}", rand::random::<u128>()));
        std::fs::write(&file, format!("hubspot/7 viewer {TOKEN}")).unwrap();
        let tenants = ["--console-tenant-tokens-file", file.to_str().unwrap()];
        assert!(check(&tenants).unwrap_err().contains("set CONSOLE_TOKEN too"));
        let with = |token: &str| check(&[&["--console-token", token], &tenants[..]].concat());
        assert_eq!(with("another-one-of-16"), Ok(()));
        let error = with(TOKEN).unwrap_err();
        assert!(error.contains("that of CONSOLE_TOKEN") && !error.contains(TOKEN), "{error}");
        std::fs::remove_file(&file).unwrap();
        let error = with("another-one-of-16").unwrap_err();
        assert!(error.contains("CONSOLE_TENANT_TOKENS_FILE: cannot read"), "{error}");
        assert_eq!(check(&["--console-tenant-tokens-file", ""]), Ok(()));
    }

    #[test]
    fn a_token_that_could_be_guessed_is_refused_without_being_repeated() {
        for flag in ["--console-token", "--console-viewer-token"] {
            let error = check(&[flag, "hunter2-hunter2"]).unwrap_err();
            assert!(error.contains("16 characters") && !error.contains("hunter2"), "{error}");
        }
        let error = check(&["--console-token", TOKEN, "--console-viewer-token", TOKEN]);
        assert!(error.unwrap_err().contains("the same"));
        let parsed = Parsed::try_parse_from(["console", "--console-token", TOKEN]).unwrap();
        assert!(!format!("{:?}", parsed.settings).contains(TOKEN));
    }
}
