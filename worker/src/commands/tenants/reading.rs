//! What a file of tenants is read with.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use secrecy::SecretString;
use shared::settings::parse_duration;

use crate::directory::{Directory, Rules, View, view_of};
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

    /// What a file says; the error is all that is wrong with it.
    pub(in crate::commands) fn read(&self, path: &Path) -> anyhow::Result<Directory> {
        self.read_view(&view_of(path)?)
    }

    /// What any text says.
    pub(super) fn read_view(&self, view: &View) -> anyhow::Result<Directory> {
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
        let rules = Rules { allow: &allow, longest, kept, is_proxied, secret: &secret };
        Ok(Directory::read(view, rules)?)
    }
}
