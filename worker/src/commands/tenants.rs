//! `worker tenants`: what a file of tenants says, what stands in the records, and how that is changed.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

mod apply;
mod difference;
mod intent;
mod listed;
mod name;
mod place;
mod plan;
mod reading;
mod show;
mod turn;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::dead_letters::by::By;
use super::dead_letters::output::{exit_code, say};
use crate::count::count;
use crate::records::SectionState;
use crate::tenants::Tenants;
use apply::Held;
use name::Named;
use place::{Stored, Whence};
pub(super) use reading::Reading;

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
  worker tenants pause acme                              a tenant
  worker tenants resume destination/acme-crm             or a destination, or route/acme-deals
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
    /// Hold what is for a tenant, a destination or a route: nothing is lost, and no attempt spent
    Pause {
        /// A tenant, destination/NAME or route/NAME
        name: Named,
        #[command(flatten)]
        by: By,
        #[command(flatten)]
        stored: Stored,
    },
    /// Let go on what waits, at the tenant's or the destination's rate
    Resume {
        /// A tenant, destination/NAME or route/NAME
        name: Named,
        #[command(flatten)]
        by: By,
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
            Self::Check { path, reading } => check(path.as_deref(), &reading),
            Self::Plan { path, against, prune, json, whence } => {
                plan::plan(&path, against.as_deref(), prune, json, &whence).await
            }
            Self::Apply { path, prune, held, json, by, reading, stored } => {
                let with = |records| async move {
                    apply::apply(&records, &path, prune, held, json, &by.who, &reading).await
                };
                stored.with(with).await
            }
            Self::List { path, json, whence } => {
                listed::list(&whence.read(path.as_deref()).await?, json)
            }
            Self::Show { name, json, stored } => {
                stored.with(|records| async move { show::show(&records, &name, json).await }).await
            }
            Self::Pause { name, by, stored } => {
                let state = SectionState::Paused;
                let with =
                    |records| async move { turn::turn(&records, &name, state, &by.who).await };
                stored.with(with).await
            }
            Self::Resume { name, by, stored } => {
                let state = SectionState::Active;
                let with =
                    |records| async move { turn::turn(&records, &name, state, &by.who).await };
                stored.with(with).await
            }
        }
    }
}

fn check(path: Option<&Path>, reading: &Reading) -> anyhow::Result<()> {
    let path = path.map_or_else(|| reading.file(), Ok)?;
    let directory = reading.read(path)?;
    anyhow::ensure!(directory.faults.is_empty(), "{}", directory.faults.join("\n"));
    let Tenants { tenants, destinations, routes, .. } = &directory.tenants;
    Ok(say(format_args!(
        "{}: {}, {} and {}: all can be used",
        path.display(),
        count(tenants.len(), "tenant", "tenants"),
        count(destinations.len(), "destination", "destinations"),
        count(routes.len(), "route", "routes"),
    ))?)
}
