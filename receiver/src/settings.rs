//! The receiver's settings: how they are called and what they default to.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser};
use secrecy::SecretString;
use shared::senders::hubspot::signature::{AcceptedVersions, ClientSecret, Secrets};
use shared::settings::{
    BrokerSettings, LogSettings, TraceSettings, distinct_listeners, parse_bytes, parse_duration,
    parse_listener, secret,
};

use crate::business_hours::BusinessHours;
use crate::public_url::PublicUrl;

/// Takes HubSpot's webhooks in: verifies each delivery's signature, publishes its events to
/// RabbitMQ and answers 200 when the broker has confirmed them all.
///
/// Every setting is an environment variable or the flag of the same name. Give secrets as
/// variables or files (…_FILE), not as flags: flags show in process lists.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "receiver",
    version,
    max_term_width = 100,
    after_help = "\
Example:
  HUBSPOT_CLIENT_SECRET_FILE=/run/secrets/hubspot PUBLIC_URL=https://hooks.example.com receiver

The app's webhook target URL at HubSpot is then https://hooks.example.com/webhooks/hubspot.
If every delivery is answered 401, look at http://ADMIN_LISTEN/rejections: it says why."
)]
pub struct ReceiverSettings {
    /// Where HubSpot's deliveries come in
    #[arg(long, env, default_value = "0.0.0.0:8080", value_parser = parse_listener)]
    pub listen: SocketAddr,
    /// Where /livez, /readyz, /metrics and /rejections are served; keep it private
    #[arg(long, env, default_value = "127.0.0.1:9090", value_parser = parse_listener)]
    pub admin_listen: SocketAddr,
    /// What is taken in, and how.
    #[command(flatten)]
    pub endpoint: EndpointSettings,
    /// How long requests in flight may take to finish on SIGTERM
    #[arg(long, env, default_value = "10s", value_parser = parse_duration)]
    pub shutdown_grace: Duration,
    /// The broker.
    #[command(flatten)]
    pub broker: BrokerSettings,
    /// Logging.
    #[command(flatten)]
    pub log: LogSettings,
    /// Traces.
    #[command(flatten)]
    pub trace: TraceSettings,
}

/// What is taken in and how, wherever it is put: the same in every way to run Hubline.
#[derive(Args, Clone, Debug)]
pub struct EndpointSettings {
    /// Path of the app's webhook target URL
    #[arg(long, env, default_value = "/webhooks/hubspot", value_parser = parse_path)]
    pub webhook_path: String,
    #[allow(rustdoc::bare_urls, reason = "a help text")]
    /// What HubSpot calls, up to WEBHOOK_PATH, e.g. https://hooks.example.com, or
    /// https://hooks.example.com/prod behind a gateway that takes /prod off; unset: https:// and the
    /// Host header
    #[arg(long, env, default_value = "", hide_default_value = true, value_parser = parse_public_url)]
    pub public_url: PublicUrl,
    /// The app's client secret (not an access token)
    #[arg(long, env, hide_env_values = true)]
    pub hubspot_client_secret: Option<SecretString>,
    /// File that holds HUBSPOT_CLIENT_SECRET
    #[arg(long, env, value_name = "FILE")]
    pub hubspot_client_secret_file: Option<PathBuf>,
    /// The secret before the last rotation, still accepted
    #[arg(long, env, hide_env_values = true)]
    pub hubspot_client_secret_previous: Option<SecretString>,
    /// File that holds HUBSPOT_CLIENT_SECRET_PREVIOUS
    #[arg(long, env, value_name = "FILE")]
    pub hubspot_client_secret_previous_file: Option<PathBuf>,
    /// Signature versions to accept; v1 and v2 carry no time and can be replayed for ever
    #[arg(long, env, default_value = "v3")]
    pub accept_signatures: AcceptedVersions,
    /// Largest body, in bytes or with KiB, MiB
    #[arg(long, env, default_value = "16MiB", value_parser = parse_bytes)]
    pub max_body_bytes: usize,
    /// Connections at once; beyond, one that has waited long without a signed delivery gives way
    #[arg(long, env, default_value = "1024", value_parser = clap::value_parser!(u32).range(16..=8192))]
    pub max_connections: u32,
    /// Longest time a body may take to arrive; HubSpot gives up after 5s
    #[arg(long, env, default_value = "3s", value_parser = parse_duration)]
    pub body_timeout: Duration,
    /// Longest wait for the broker's confirms before 503; HubSpot gives up after 5s
    #[arg(long, env, default_value = "3s", value_parser = parse_duration)]
    pub publish_timeout: Duration,
    /// Messages waiting in the work queues above which deliveries are answered 503; 0: no limit
    #[arg(long, env, default_value = "0")]
    pub queue_soft_limit: u64,
    /// Threads that serve requests; 0: one per core
    #[arg(long, env, default_value = "0")]
    pub http_workers: usize,
    /// When deliveries are expected, so that their absence is an alert: days, hours, time zone;
    /// `always` or `never`
    #[arg(long, env, default_value = "Mon-Fri 09:00-17:00 UTC")]
    pub business_hours: BusinessHours,
}

impl ReceiverSettings {
    /// Checks what can be checked before anything is started.
    pub fn check(&self) -> anyhow::Result<()> {
        self.endpoint.check()?;
        self.broker.hosts()?;
        self.trace.check()?;
        distinct_listeners(&[("LISTEN", self.listen), ("ADMIN_LISTEN", self.admin_listen)])
    }
}

impl EndpointSettings {
    /// The live client secrets.
    pub fn secrets(&self) -> anyhow::Result<Secrets> {
        let current = secret(
            "HUBSPOT_CLIENT_SECRET",
            self.hubspot_client_secret.as_ref(),
            self.hubspot_client_secret_file.as_deref(),
        )?;
        let current = current.ok_or_else(|| {
            anyhow::anyhow!("HUBSPOT_CLIENT_SECRET is not set: it is the client secret on the app's Auth page at HubSpot")
        })?;
        let previous = secret(
            "HUBSPOT_CLIENT_SECRET_PREVIOUS",
            self.hubspot_client_secret_previous.as_ref(),
            self.hubspot_client_secret_previous_file.as_deref(),
        )?;
        let named = |name: &'static str| move |error| anyhow::anyhow!("{name}: {error}");
        Ok(Secrets {
            current: ClientSecret::new(current).map_err(named("HUBSPOT_CLIENT_SECRET"))?,
            previous: previous
                .map(ClientSecret::new)
                .transpose()
                .map_err(named("HUBSPOT_CLIENT_SECRET_PREVIOUS"))?,
        })
    }

    /// How much all bodies in flight may take up, in bytes: four of the largest, 8 MiB at least.
    #[must_use]
    pub fn body_room_bytes(&self) -> usize {
        self.max_body_bytes.saturating_mul(4).max(8 << 20)
    }

    /// Checks what can be checked before anything is started.
    pub fn check(&self) -> anyhow::Result<()> {
        self.secrets()?;
        anyhow::ensure!(
            self.publish_timeout >= Duration::from_millis(1)
                && self.publish_timeout <= Duration::from_millis(4500),
            "PUBLISH_TIMEOUT must be between 1ms and 4500ms: HubSpot takes no answer after 5s"
        );
        anyhow::ensure!(
            self.body_timeout >= Duration::from_millis(1)
                && self.body_timeout <= Duration::from_millis(4500),
            "BODY_TIMEOUT must be between 1ms and 4500ms: HubSpot takes no answer after 5s, and the \
             broker needs the rest"
        );
        anyhow::ensure!(self.max_body_bytes >= 1024, "MAX_BODY_BYTES must be at least 1KiB");
        Ok(())
    }
}

fn parse_path(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    if !text.starts_with('/') || text.len() > 256 || !text.chars().all(plain) {
        return Err(
            "write a path such as /webhooks/hubspot: letters, digits and / - _ . ~".to_owned()
        );
    }
    Ok(text.to_owned())
}

fn parse_public_url(text: &str) -> Result<PublicUrl, String> {
    PublicUrl::parse(text)
}
