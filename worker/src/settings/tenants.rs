//! Settings of tenants: where their file is, and what of the network may be called for them.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use shared::settings::secret_in;

use super::access::{Secret, file, web};
use crate::destination::address::Allow;
use crate::tenants::SecretRef;

/// How variables are called that tenants' destinations may be given: no other setting is one.
const VARIABLES: &str = "TENANT_";

/// What becomes of an event that is no tenant's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum UnknownTenant {
    /// Counted, and otherwise handled as without tenants
    #[default]
    Skip,
    /// Kept among the dead letters until somebody knows it
    DeadLetter,
}

/// Tenants.
#[derive(Args, Clone, Debug)]
pub struct TenantSettings {
    /// File with the tenants, their destinations and routes (TOML); read again when it changes
    #[arg(long, env, value_name = "FILE", value_parser = file())]
    pub tenants_file: Option<PathBuf>,
    /// Take the tenants from the records, where `worker tenants apply` writes them; a standalone with records of its
    /// own does so unless TENANTS_FILE is set
    #[arg(long, env, default_value = "false", action = clap::ArgAction::Set)]
    pub tenants_in_database: bool,
    /// What destinations may be although it is not public: HOST, HOST:PORT, *.SUFFIX and CIDR, separated
    /// by commas
    #[arg(long, env, value_name = "LIST", default_value = "", hide_default_value = true)]
    pub destination_allow: String,
    /// Directory below which the secrets must be that the file of tenants names; variables that it names begin
    /// with TENANT_
    #[arg(long, env, value_name = "DIR", default_value = "/run/secrets/tenants")]
    pub tenant_secrets_dir: PathBuf,
    /// HTTP proxy through which all requests to destinations go; it then has to see to it that nothing
    /// private is called
    #[arg(long, env, value_name = "URL", hide_env_values = true)]
    pub forward_proxy: Option<SecretString>,
    /// File that holds FORWARD_PROXY
    #[arg(long, env, value_name = "FILE", value_parser = file())]
    pub forward_proxy_file: Option<PathBuf>,
    /// What becomes of events of accounts that are no tenant's, where there are tenants
    #[arg(long, env, value_name = "WHAT", default_value = "skip")]
    pub unknown_tenant: UnknownTenant,
}

impl TenantSettings {
    /// The file, if there is to be one.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.tenants_file.as_deref().filter(|file| !file.as_os_str().is_empty())
    }

    /// What may be called although it is not public.
    pub(crate) fn allow(&self) -> anyhow::Result<Allow> {
        Allow::parse(&self.destination_allow).context("DESTINATION_ALLOW")
    }

    /// The proxy, if there is one.
    pub(crate) fn proxy(&self) -> anyhow::Result<Option<Url>> {
        let (value, file) = (self.forward_proxy.as_ref(), self.forward_proxy_file.as_deref());
        let proxy = Secret::read("FORWARD_PROXY", value, file)?;
        proxy.map(|proxy| web(proxy.name, proxy.value.expose_secret())).transpose()
    }

    /// Checks the settings by themselves.
    pub fn check(&self) -> anyhow::Result<()> {
        self.allow()?;
        self.proxy()?;
        anyhow::ensure!(
            self.file().is_none() || !self.tenants_in_database,
            "TENANTS_FILE and TENANTS_IN_DATABASE are both set: tenants come from one of them, remove the other"
        );
        Ok(())
    }

    /// What stands where a tenant's file says. The error names the place and never what is in it.
    pub(crate) fn secret(&self, reference: &SecretRef) -> Result<SecretString, String> {
        match reference {
            SecretRef::Env(name) if !name.starts_with(VARIABLES) => Err(format!(
                "the variable {name} must be called {VARIABLES}…: no other is shown to tenants"
            )),
            SecretRef::Env(name) => match std::env::var(name) {
                Ok(text) if text.trim().is_empty() => Err(format!("the variable {name} is empty")),
                Ok(text) => Ok(SecretString::from(text.trim().to_owned())),
                Err(_) => Err(format!("the variable {name} is not set")),
            },
            SecretRef::File(path) => {
                let (path, directory) = (resolved(path)?, resolved(&self.tenant_secrets_dir)?);
                if path.starts_with(&directory) {
                    return secret_in(&path).map_err(|error| error.to_string());
                }
                Err(format!(
                    "{} is not below {} (TENANT_SECRETS_DIR): no other file is shown to tenants",
                    path.display(),
                    directory.display()
                ))
            }
        }
    }
}

/// Where a path leads to in the end, so that no link leads out.
fn resolved(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|error| format!("cannot read {}: {error}", path.display()))
}
