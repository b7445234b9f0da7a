//! `worker send`: signs deliveries as HubSpot would and posts them, to try an installation.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use secrecy::SecretString;
use shared::senders::hubspot::signature::{ClientSecret, Version};
use shared::settings::secret;
use shared::terminal;

use super::input::bytes_of;
use crate::poster::Poster;

/// Signs each file's content as HubSpot would and posts it to a receiver, one after the other.
/// Prints each answer. Exits 0 if every delivery was answered 200, else 1.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
A file holds what HubSpot posts: a JSON array of events. `-` is standard input.

Example:
  HUBSPOT_CLIENT_SECRET=… worker send --url http://127.0.0.1:8080/webhooks/hubspot deal.json

Behind a proxy the receiver checks the signature against PUBLIC_URL: give the URL that HubSpot
would call as --signed-url and the address to post to as --url.")]
pub struct SendCommand {
    /// Files to send, each one delivery
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where to post to
    #[arg(long, default_value = "http://127.0.0.1:8080/webhooks/hubspot")]
    url: String,
    /// URL that goes into the signature; by default --url with https://, as HubSpot calls it
    #[arg(long)]
    signed_url: Option<String>,
    /// The app's client secret
    #[arg(long = "secret", env = "HUBSPOT_CLIENT_SECRET", hide_env_values = true)]
    client_secret: Option<SecretString>,
    /// File that holds the client secret
    #[arg(long = "secret-file", env = "HUBSPOT_CLIENT_SECRET_FILE", value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// Put this portal id into every event (the file's layout is then written anew)
    #[arg(long)]
    portal: Option<u64>,
    /// Signature version
    #[arg(long, default_value = "v3")]
    signature: Version,
}

impl SendCommand {
    pub(super) async fn execute(self) -> anyhow::Result<ExitCode> {
        let secret = secret(
            "HUBSPOT_CLIENT_SECRET",
            self.client_secret.as_ref(),
            self.client_secret_file.as_deref(),
        )?;
        let secret =
            secret.context("no client secret: set HUBSPOT_CLIENT_SECRET or give --secret-file")?;
        let secret = ClientSecret::new(secret)?;
        let poster = Poster::new(&self.url, self.signed_url.as_deref(), secret, self.signature)?;
        let mut all_taken = true;
        for file in &self.files {
            let body = bytes_of(file).and_then(|body| match self.portal {
                Some(portal) => with_portal(&body, portal),
                None => Ok(body),
            });
            let answer = match body {
                Ok(body) => poster.send(body).await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(answer) => {
                    let (file, status) = (file.display(), answer.status);
                    // Whoever reads it may have had enough; the others are sent all the same.
                    let _ = terminal::say(format_args!("{file}: {status} {}", answer.body));
                    all_taken &= answer.status == 200;
                }
                Err(error) => {
                    terminal::complain(format_args!("{}: {error:#}", file.display()));
                    all_taken = false;
                }
            }
        }
        Ok(if all_taken { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// The same events with another portal id.
fn with_portal(body: &[u8], portal: u64) -> anyhow::Result<Vec<u8>> {
    let mut events: Vec<serde_json::Map<String, serde_json::Value>> =
        serde_json::from_slice(body).context("--portal needs a JSON array of events")?;
    for event in &mut events {
        event.insert("portalId".to_owned(), portal.into());
    }
    Ok(serde_json::to_vec(&events)?)
}
