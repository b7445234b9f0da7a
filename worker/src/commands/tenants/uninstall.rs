//! `uninstall`: somebody says that an account is without the app.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

#[cfg(test)]
mod tests;

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use prometheus_client::registry::Registry;
use serde_json::json;
use shared::clock::now_ms;
use shared::origin::Origin;

use super::reading::Reading;
use super::whom::Whom;
use crate::commands::dead_letters::by::By;
use crate::commands::dead_letters::change::ask;
use crate::commands::dead_letters::output::{complain, say, say_json};
use crate::oauth::{App, GivenUp};
use crate::records::Records;
use crate::settings::ActingSettings;

/// What the records say of why.
const CODE: &str = "UNINSTALLED_BY_HAND";
/// How long HubSpot may take for an answer.
const API_TIMEOUT: Duration = Duration::from_secs(10);

/// Whom, and how.
#[derive(Args, Clone, Debug)]
pub(super) struct Uninstalling {
    /// A tenant, or an account such as hubspot/62515
    name: Whom,
    /// First have HubSpot take the app from the account, with the account's own token; needs
    /// HUBSPOT_CLIENT_ID, HUBSPOT_CLIENT_SECRET and SECRETS_KEY
    #[arg(long)]
    revoke: bool,
    /// Go on without asking; needed where nobody can be asked, as in a script
    #[arg(long)]
    yes: bool,
    /// One JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    acting: ActingSettings,
    #[command(flatten)]
    reading: Reading,
}

impl Uninstalling {
    pub(super) async fn run(&self, records: &Records) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.yes || std::io::stdin().is_terminal(),
            "nobody can be asked here: give --yes to erase the tokens"
        );
        let origin = self.name.account(records, &self.reading).await?;
        let question =
            format!("Erase the tokens of {origin}, so that it has to install the app again");
        if !self.yes && !ask(&question)? {
            complain("nothing was done");
            return Ok(());
        }
        let given_up = if self.revoke { Some(self.give_up(records, &origin).await?) } else { None };
        let is_news = records.uninstall(&origin, CODE, &self.by.who, now_ms()).await?;
        let hubspot = match given_up {
            None => "was not told",
            Some(GivenUp::Taken) => "has taken the app from it",
            Some(GivenUp::Gone) => "says that it is without the app already",
            Some(GivenUp::NoToken) => "was not told, since there is no token for it",
        };
        if self.json {
            return say_json(&json!({
                "account": origin.to_string(),
                "uninstalled": is_news,
                "hubspot": given_up.map(GivenUp::as_str),
            }));
        }
        if !is_news {
            return Ok(say(format_args!(
                "{origin} was without the app already, or never had it: HubSpot {hubspot}"
            ))?);
        }
        Ok(say(format_args!(
            "{origin} is without the app: its tokens are erased, and what is for it is held for UNINSTALLED_EVENTS_KEPT; HubSpot {hubspot}"
        ))?)
    }

    async fn give_up(&self, records: &Records, origin: &Origin) -> anyhow::Result<GivenUp> {
        let app = App::open(
            &self.acting.app,
            self.acting.client_secret.secret()?,
            (self.acting.url()?, API_TIMEOUT),
            Some(records),
            &mut Registry::default(),
        )?;
        let app = app.context("--revoke needs HUBSPOT_CLIENT_ID: HubSpot is asked as the app")?;
        let giving_up = app.give_up(origin).await;
        giving_up.context("nothing was erased here; without --revoke only that is done")
    }
}
