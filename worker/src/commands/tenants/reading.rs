//! What a file of tenants is read with.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use prometheus_client::registry::Registry;
use secrecy::SecretString;
use shared::settings::parse_duration;

use crate::clients::destinations::Destinations;
use crate::directory::{Directory, Rules, View, view_of};
use crate::generated::{Opened, Owner};
use crate::metrics::WorkerMetrics;
use crate::sealed::Keys;
use crate::settings::TenantSettings;

/// What a file of tenants is read with, and the one of the settings.
#[derive(Args, Clone, Debug)]
pub(in crate::commands) struct Reading {
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
    pub(in crate::commands) fn file(&self) -> anyhow::Result<&Path> {
        self.settings.file().context("no file of tenants: name one, or set TENANTS_FILE")
    }

    /// What a file says that may be applied; the error is all that is wrong with it.
    pub(in crate::commands) fn read(&self, path: &Path) -> anyhow::Result<Directory> {
        self.read_view(&view_of(path)?.into_stored())
    }

    /// The same of one that is checked: for workers that read it themselves, where TENANTS_FILE names one.
    pub(super) fn check(&self, path: &Path) -> anyhow::Result<Directory> {
        let view = view_of(path)?;
        let is_applied = self.settings.file().is_none();
        self.read_view(&if is_applied { view.into_stored() } else { view })
    }

    /// The way out to destinations, for whoever really sends.
    pub(super) fn destinations(&self) -> anyhow::Result<Destinations> {
        anyhow::ensure!(
            !self.no_secrets,
            "what is really sent needs the secrets: leave --no-secrets away"
        );
        // Nobody asks for what is measured.
        let metrics = WorkerMetrics::register(&mut Registry::default(), false);
        Destinations::new(self.settings.allow()?, self.settings.proxy()?, metrics)
    }

    /// What any text says. Whether workers can open secrets that were made here is not seen from here.
    pub(super) fn read_view(&self, view: &View) -> anyhow::Result<Directory> {
        self.read_with(view, &|owner| Ok(owner.example()))
    }

    /// The same with the secrets themselves, for whoever really sends: as workers have them.
    pub(super) fn read_opened(
        &self,
        view: &View,
        keys: Option<&Keys>,
    ) -> anyhow::Result<Directory> {
        self.read_with(view, &|owner| view.secret(owner, keys))
    }

    /// What a file says to workers that read it themselves.
    pub(super) fn read_alone(&self, path: &Path) -> anyhow::Result<Directory> {
        self.read_view(&view_of(path)?)
    }

    fn read_with(
        &self,
        view: &View,
        generated: &dyn Fn(&Owner) -> Result<Opened, String>,
    ) -> anyhow::Result<Directory> {
        let allow = self.settings.allow()?;
        let secret = |reference: &_, example: &str| {
            // Of the right form: whether there is one is not looked at.
            if self.no_secrets {
                Ok(SecretString::from(example.to_owned()))
            } else {
                self.settings.secret(reference)
            }
        };
        let is_proxied = self.settings.proxy()?.is_some();
        let longest = self.api_timeout;
        let kept = Duration::ZERO;
        let rules = Rules {
            allow: &allow,
            longest,
            kept,
            is_proxied,
            secret: &secret,
            generated,
            records: None,
        };
        Ok(Directory::read(view, rules)?)
    }
}
