//! `worker tenants`: what a file of tenants says, what stands in the records, and how that is changed.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

mod apply;
mod check;
mod difference;
mod intent;
mod listed;
mod name;
mod outcome;
mod place;
mod plan;
mod reading;
mod sample;
mod secret;
mod show;
mod test;
mod trying;
mod turn;
mod uninstall;
mod whom;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use shared::settings::parse_duration;

use super::dead_letters::by::By;
use super::dead_letters::output::exit_code;
use crate::rotation::Former;
use crate::settings::SecretsKeySettings;
use apply::{Applying, Held};
use name::{Named, destination};
use place::Stored;
pub(super) use place::Whence;
use reading::Reading;
use uninstall::Uninstalling;
use whom::Whom;

/// Looks at tenants, their destinations and routes, and changes those in the records. They come from a file
/// (TENANTS_FILE) or from the records (TENANTS_IN_DATABASE; a standalone's own, unless it has a file). Workers
/// follow a change within seconds.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  worker tenants check tenants.toml
  worker tenants plan tenants.toml                       what apply would change
  worker tenants apply tenants.toml
  worker tenants apply tenants.toml --prune --held dead-letter
  worker tenants list --json
  worker tenants test acme-crm                           really send it an event, and see its answer
  worker tenants pause acme                              a tenant
  worker tenants resume destination/acme-crm             or a destination, or route/acme-deals
  worker tenants resume hubspot/62515                    an account whose token is tried again
  worker tenants uninstall acme --revoke                 its tokens are erased, and HubSpot is told
  worker tenants rotate acme-crm                         another secret; the former signs too for 24h
  worker tenants secret acme-crm                         the secret as it is, to hand it over
  worker routes test --tenants-file tenants.toml --route acme-deals event.json

Exit codes: 0 done, 1 not: each fault of a file has its line and column.")]
pub struct TenantsCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// Say whether a file can be used, or all that is wrong with it
    Check {
        /// The file; without it, TENANTS_FILE
        #[arg(value_name = "FILE")]
        path: Option<PathBuf>,
        /// As one JSON document
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reading: Reading,
    },
    /// Say what a file would change of what is in the records, or of another file
    Plan {
        /// The file
        #[arg(value_name = "FILE")]
        path: PathBuf,
        /// The file whose place it would take; without it TENANTS_FILE, or else the records
        #[arg(long, value_name = "FILE", conflicts_with = "prune")]
        against: Option<PathBuf>,
        /// What the file does not have would be deleted from the records
        #[arg(long)]
        prune: bool,
        /// One JSON document a line, for another program
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        whence: Whence,
    },
    /// Write what a file says into the records; what it does not have stays, and so does what is paused
    Apply {
        /// The file
        #[arg(value_name = "FILE")]
        path: PathBuf,
        /// Delete what the file does not have
        #[arg(long)]
        prune: bool,
        /// What becomes of events that still wait for a route that is deleted
        #[arg(long, value_name = "WHAT", requires = "prune")]
        held: Option<Held>,
        /// One JSON document a line, for another program
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        reading: Reading,
        #[command(flatten)]
        keys: SecretsKeySettings,
        #[command(flatten)]
        stored: Stored,
    },
    /// List tenants and their routes
    List {
        /// A file; without it TENANTS_FILE, or else the records
        #[arg(value_name = "FILE")]
        path: Option<PathBuf>,
        /// One JSON document a line, for another program
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        whence: Whence,
    },
    /// Show one section as the records have it, and who changed it last
    Show {
        /// A tenant, destination/NAME or route/NAME
        name: Named,
        /// As one JSON document
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        stored: Stored,
    },
    Test(test::Test),
    /// Hold what is for a tenant, a destination or a route: nothing is lost, and no attempt spent
    Pause {
        /// A tenant, destination/NAME or route/NAME
        name: Named,
        /// As one JSON document
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        stored: Stored,
    },
    /// Let go on what waits, at the tenant's or the destination's rate. A tenant whose token HubSpot has refused goes
    /// on if it takes it now
    Resume {
        /// A tenant, destination/NAME or route/NAME; or an account whose token is tried again: hubspot/62515
        name: Whom,
        /// As one JSON document
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        stored: Stored,
    },
    /// Say that an account is without the app: its tokens are erased at once and for good, and what is for it is held
    /// for UNINSTALLED_EVENTS_KEPT and then dropped. It goes on if the account installs the app again
    Uninstall {
        #[command(flatten)]
        uninstall: Box<Uninstalling>,
        #[command(flatten)]
        stored: Stored,
    },
    /// Make another secret for a destination that has secret = { generated = true }, and print it, this once.
    ///
    /// Workers sign with it within seconds. For a while they sign with the former one as well, so that the
    /// destination's owner can change over at any moment of it: two signatures, either of which is good.
    #[command(after_help = "\
Examples:
  worker tenants rotate acme-crm                the former secret signs too for a day
  worker tenants rotate acme-crm --overlap 0s   it is known to others: it ends now
  worker tenants rotate acme-crm >acme-crm.secret

Nothing but the secret goes to standard output. With sign = \"hubspot\" a request has one signature, so only
--overlap 0s goes. A secret that a section names by its place is changed there, with previous_secret beside it.")]
    Rotate {
        /// The destination
        #[arg(value_parser = destination)]
        destination: String,
        /// How long the former secret signs as well, at most 7d; 0s: not at all
        #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = parse_duration)]
        overlap: Duration,
        /// The key that sealed the former secret is lost: make another one all the same
        #[arg(long)]
        lost_key: bool,
        /// As one JSON document
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        keys: SecretsKeySettings,
        #[command(flatten)]
        stored: Stored,
    },
    /// Print the secret that was made for a destination, to hand it to the tenant; the audit tells of it
    Secret {
        /// The destination
        #[arg(value_parser = destination)]
        destination: String,
        /// As one JSON document
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        keys: SecretsKeySettings,
        #[command(flatten)]
        stored: Stored,
    },
    /// Seal all secrets that were made here with the first key of SECRETS_KEY: then the others can go
    Reseal {
        /// As one JSON document
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        keys: SecretsKeySettings,
        #[command(flatten)]
        stored: Stored,
    },
}

impl TenantsCommand {
    pub(super) async fn execute(self) -> ExitCode {
        exit_code(self.action.run().await.map(|()| true))
    }
}

impl Action {
    async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Check { path, json, reading } => check::check(path.as_deref(), json, &reading),
            Self::Plan { path, against, prune, json, whence } => {
                plan::plan(&path, against.as_deref(), prune, json, &whence).await
            }
            Self::Apply { path, prune, held, json, by, reading, keys, stored } => {
                let keys = keys.keys()?;
                let applying = Applying { path, prune, held, json, who: by.who, keys };
                let with = |records| async move { applying.apply(&records, &reading).await };
                stored.with(with).await
            }
            Self::List { path, json, whence } => {
                listed::list(&whence.read(path.as_deref()).await?, json)
            }
            Self::Show { name, json, stored } => {
                stored.with(|records| async move { show::show(&records, &name, json).await }).await
            }
            Self::Test(test) => test.run().await,
            Self::Pause { name, json, by, stored } => {
                let with = |records| async move { turn::pause(&records, &name, &by.who).await };
                stored.with(with).await?.tell(json)
            }
            Self::Rotate { destination, overlap, lost_key, json, by, keys, stored } => {
                let former = Former { overlap, is_key_lost: lost_key };
                let asked = secret::Asked { destination, json, who: by.who, keys: keys.keys()? };
                stored.with(|records| async move { asked.rotate(&records, former).await }).await
            }
            Self::Secret { destination, json, by, keys, stored } => {
                let asked = secret::Asked { destination, json, who: by.who, keys: keys.keys()? };
                stored.with(|records| async move { asked.show(&records).await }).await
            }
            Self::Reseal { json, by, keys, stored } => {
                let keys = keys.keys()?;
                let with = |records| async move {
                    secret::reseal(&records, keys.as_ref(), &by.who, json).await
                };
                stored.with(with).await
            }
            Self::Resume { name, json, by, stored } => {
                let with = |records| async move { turn::resume(&records, &name, &by.who).await };
                stored.with(with).await?.tell(json)
            }
            Self::Uninstall { uninstall, stored } => {
                stored.with(|records| async move { uninstall.run(&records).await }).await
            }
        }
    }
}
