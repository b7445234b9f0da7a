//! `worker tenants`: what a file of tenants says, whether it can be used, and what it would change.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use secrecy::SecretString;
use serde::Serialize;
use shared::harmless::harmless;
use shared::settings::parse_duration;

use super::dead_letters::output::{exit_code, say, say_json};
use crate::count::count;
use crate::directory::{Directory, Rules, text_of};
use crate::settings::TenantSettings;
use crate::tenants::{Difference, State, Tenants};

/// Looks at a file of tenants, their destinations and routes. Nothing is sent, and no worker is asked: workers
/// take a file that can be used within seconds after it changes.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  worker tenants check tenants.toml
  worker tenants plan new.toml --against tenants.toml
  worker tenants list --json
  worker routes test --tenants-file tenants.toml --route acme-deals event.json

Exit codes: 0 the file can be used, 1 it cannot: each fault has its line and column.")]
pub struct TenantsCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// Say whether the file can be used, or all that is wrong with it
    Check(File),
    /// Say what would change if one file took the place of another
    Plan {
        #[command(flatten)]
        file: File,
        /// The file whose place it would take; without it, TENANTS_FILE
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
    },
    /// List tenants and their routes
    List {
        #[command(flatten)]
        file: File,
        /// One JSON document a line, for another program
        #[arg(long)]
        json: bool,
    },
}

/// The file that is meant.
#[derive(Args, Clone, Debug)]
struct File {
    /// The file; without it, TENANTS_FILE
    #[arg(value_name = "FILE")]
    path: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

/// What a file of tenants is read with, and the one of the settings.
#[derive(Args, Clone, Debug)]
pub(super) struct Reading {
    /// Do not look whether secrets are there: for a machine that has none
    #[arg(long)]
    no_secrets: bool,
    /// Longest wait for one answer of a destination
    #[arg(long, env, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    api_timeout: Duration,
    #[command(flatten)]
    settings: TenantSettings,
}

impl Reading {
    /// The file of the settings.
    pub(super) fn file(&self) -> anyhow::Result<&Path> {
        self.settings.file().context("no file of tenants: name one, or set TENANTS_FILE")
    }

    /// What a file says; the error is all that is wrong with it.
    pub(super) fn read(&self, path: &Path) -> anyhow::Result<Directory> {
        let (text, allow) = (text_of(path)?, self.settings.allow()?);
        let secret = |reference: &_| {
            // A secret of the right form: whether there is one is not looked at.
            if self.no_secrets {
                Ok(SecretString::from(format!("whsec_{}", "A".repeat(32))))
            } else {
                self.settings.secret(reference)
            }
        };
        let rules = Rules { allow: &allow, longest: self.api_timeout, secret: &secret };
        Ok(Directory::read(&text, &path.display().to_string(), rules)?)
    }
}

impl File {
    fn path(&self) -> anyhow::Result<&Path> {
        self.path.as_deref().map_or_else(|| self.reading.file(), Ok)
    }

    fn read(&self) -> anyhow::Result<Directory> {
        self.reading.read(self.path()?)
    }
}

impl TenantsCommand {
    pub(super) fn execute(self) -> ExitCode {
        let done = match &self.action {
            Action::Check(file) => check(file),
            Action::Plan { file, against } => plan(file, against.as_deref()),
            Action::List { file, json } => list(file, *json),
        };
        exit_code(done.map(|()| true))
    }
}

fn check(file: &File) -> anyhow::Result<()> {
    let directory = file.read()?;
    anyhow::ensure!(directory.faults.is_empty(), "{}", directory.faults.join("\n"));
    let Tenants { tenants, destinations, routes, .. } = &directory.tenants;
    Ok(say(format_args!(
        "{}: {}, {} and {}: all can be used",
        file.path()?.display(),
        count(tenants.len(), "tenant", "tenants"),
        count(destinations.len(), "destination", "destinations"),
        count(routes.len(), "route", "routes"),
    ))?)
}

fn plan(file: &File, against: Option<&Path>) -> anyhow::Result<()> {
    let against = against.map_or_else(|| file.reading.file(), Ok);
    let against = against.context("nothing to compare with: give --against")?;
    let (old, new) = (file.reading.read(against)?, file.read()?);
    let difference = Difference::between(&old.tenants, &new.tenants);
    if difference.is_empty() {
        return Ok(say("nothing would change")?);
    }
    Ok(say(difference)?)
}

/// A tenant as it is listed.
#[derive(Serialize)]
struct Listed<'a> {
    tenant: &'a str,
    origin: String,
    name: Option<&'a str>,
    state: &'static str,
    routes: Vec<ListedRoute<'a>>,
}

#[derive(Serialize)]
struct ListedRoute<'a> {
    route: &'a str,
    destination: &'a str,
    state: &'static str,
}

fn list(file: &File, json: bool) -> anyhow::Result<()> {
    let directory = file.read()?;
    let tenants = &directory.tenants;
    for tenant in tenants.tenants.values() {
        let routes = tenants.routes_of(&tenant.name).map(|route| ListedRoute {
            route: &route.name,
            destination: &route.destination,
            state: word(route.state),
        });
        let listed = Listed {
            tenant: &tenant.name,
            origin: tenant.origin.to_string(),
            name: tenant.display_name.as_deref(),
            state: word(tenant.state),
            routes: routes.collect(),
        };
        if json {
            say_json(&listed)?;
            continue;
        }
        let name = listed.name.map(|name| format!(" ({})", harmless(name))).unwrap_or_default();
        say(format_args!("{}{name}  {}  {}", listed.tenant, listed.origin, listed.state))?;
        for route in &listed.routes {
            say(format_args!("  {} → {}  {}", route.route, route.destination, route.state))?;
        }
    }
    Ok(())
}

fn word(state: State) -> &'static str {
    match state {
        State::Active => "active",
        State::Paused => "paused",
    }
}
