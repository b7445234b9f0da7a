//! What the directory says is read again when it changes, or a secret that it names.
//!
//! Owns how old a worker's view of it is. What cannot be used, or not be reached, is said once and changes
//! nothing: the last version goes on.

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tokio_util::task::AbortOnDropHandle;

use super::source::{Source, view_of};
use super::view::View;
use super::{Directory, Rules};
use crate::clients::destinations::Destinations;
use crate::generated::Owner;
use crate::metrics::{TenantMetrics, WorkerMetrics};
use crate::records::Records;
use crate::router::Routes;
use crate::sealed::Keys;
use crate::settings::TenantSettings;
use crate::tenants::{Difference, SecretRef, Tenants};

/// A view that is older than this is none: looking hangs.
const STALE: Duration = Duration::from_secs(60);

/// What is looked at, and what it said last.
pub(crate) struct DirectoryWatch {
    source: Source,
    reader: Reader,
}

/// What makes routes of what is looked at.
struct Reader {
    settings: TenantSettings,
    /// What secrets are sealed with that were made here.
    keys: Option<Keys>,
    longest: Duration,
    kept: Duration,
    destinations: Arc<Destinations>,
    records: Option<Records>,
    metrics: TenantMetrics,
    /// The version that is at work, and one that was seen once: a file that is being written is another one at
    /// the next look.
    taken: Option<Version>,
    seen: Option<Version>,
    tenants: Tenants,
    /// The secrets that it names.
    references: Vec<SecretRef>,
    complaint: Option<String>,
}

/// One version of what there is, ready to be used.
pub(crate) struct Taken {
    pub(crate) routes: Routes,
    /// Destinations that are paused since they want nothing any more.
    pub(crate) refusing: BTreeSet<String>,
}

/// Of what is said and of all secrets: these are not kept.
type Version = [u8; 32];

impl DirectoryWatch {
    /// Reads a file for the first time; what is wrong with its text is an error. The records are first read later, and
    /// who is without the app too: then there are no routes yet. No destination may take longer than `longest`, and
    /// what is for a tenant that has uninstalled the app is held for `kept`. `None` if there are to be no tenants.
    pub(crate) fn open(
        (settings, keys): (&TenantSettings, Option<Keys>),
        source: Option<Source>,
        (longest, kept): (Duration, Duration),
        metrics: &WorkerMetrics,
        registry: &mut Registry,
    ) -> anyhow::Result<Option<(Self, Option<Routes>)>> {
        // There from the start: that there are no tenants is seen too.
        let tenant_metrics = TenantMetrics::register(registry, STALE);
        let Some(source) = source else { return Ok(None) };
        let destinations =
            Destinations::new(settings.allow()?, settings.proxy()?, metrics.clone())?;
        let mut reader = Reader {
            settings: settings.clone(),
            keys,
            longest,
            kept,
            destinations: Arc::new(destinations),
            records: source.records().cloned(),
            metrics: tenant_metrics,
            taken: None,
            seen: None,
            tenants: Tenants::default(),
            references: Vec::new(),
            complaint: None,
        };
        let routes = match &source {
            Source::File(file) => {
                let routes = reader.take(&view_of(file.path())?)?;
                reader.metrics.looked(true);
                // Else it is looked at once more, with who is without the app.
                reader.taken = reader.taken.filter(|_| file.is_alone());
                file.is_alone().then_some(routes)
            }
            Source::Records(_) => None,
        };
        Ok(Some((Self { source, reader }, routes)))
    }

    /// Looks until the handle is dropped; `take` is given each other version.
    pub(crate) fn start(self, take: impl Fn(Taken) + Send + 'static) -> AbortOnDropHandle<()> {
        let Self { mut source, mut reader } = self;
        AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                let is_whole = source.is_whole();
                let looked = match source.view().await {
                    Err(error) => Err(error),
                    // Reading secrets can take its time.
                    Ok(view) => {
                        let looking = tokio::task::spawn_blocking(move || {
                            let look = || reader.look(&view, is_whole);
                            let looked = catch_unwind(AssertUnwindSafe(look));
                            let looked =
                                looked.unwrap_or_else(|_| Err(anyhow::anyhow!("looking panicked")));
                            (reader, looked)
                        });
                        let Ok((returned, looked)) = looking.await else { return };
                        reader = returned;
                        looked
                    }
                };
                match looked {
                    Ok(taken) => taken.into_iter().for_each(&take),
                    Err(error) => reader.complain(&format!("{error:#}")),
                }
                reader.metrics.looked(reader.complaint.is_none());
                source.wait().await;
            }
        }))
    }
}

impl Reader {
    /// The routes, if they are others than those at work, and what is said is whole.
    fn look(&mut self, view: &View, is_whole: bool) -> anyhow::Result<Option<Taken>> {
        let version = Some(self.version(view));
        if version == self.taken {
            if self.complaint.take().is_some() {
                tracing::info!(from = view.name, "the tenants are as they were");
            }
            return Ok(None);
        }
        let is_first = self.taken.is_none();
        if version != std::mem::replace(&mut self.seen, version) && !is_whole && !is_first {
            return Ok(None);
        }
        let routes = self.take(view)?;
        Ok(Some(Taken { routes, refusing: view.refusing.clone() }))
    }

    fn take(&mut self, view: &View) -> anyhow::Result<Routes> {
        let allow = self.settings.allow()?;
        // As it was read for this version: it may be another one a moment later, and that is another version.
        let read = RefCell::new(HashMap::new());
        let secret = |reference: &SecretRef, _: &str| {
            let secret = self.settings.secret(reference);
            read.borrow_mut().insert(reference.clone(), digest(&secret));
            secret
        };
        let generated = |owner: &Owner| view.secret(owner, self.keys.as_ref());
        let is_proxied = self.settings.proxy()?.is_some();
        let rules = Rules {
            allow: &allow,
            longest: self.longest,
            kept: self.kept,
            is_proxied,
            secret: &secret,
            generated: &generated,
            records: self.records.as_ref(),
        };
        let directory = Directory::read(view, rules)?;
        for fault in &directory.faults {
            tracing::warn!(fault, "a destination cannot be used: what is for it waits");
        }
        let difference = Difference::between(&self.tenants, &directory.tenants);
        let Tenants { tenants, destinations, routes, .. } = &directory.tenants;
        let unusable = directory.faults.len();
        self.metrics.taken(tenants.len(), destinations.len(), routes.len(), unusable);
        tracing::info!(
            from = view.name,
            tenants = tenants.len(),
            destinations = destinations.len(),
            routes = routes.len(),
            changes = difference.0.len(),
            "tenants taken"
        );
        let routes = directory.routes(&self.destinations);
        self.references = directory.tenants.secrets().cloned().collect();
        self.tenants = directory.tenants;
        self.complaint = None;
        let read = read.into_inner();
        let as_read = |reference: &_| {
            // One that was not looked at is no part of what was taken.
            read.get(reference).copied().unwrap_or_else(|| digest(&self.settings.secret(reference)))
        };
        self.taken = Some(version(view, self.references.iter().map(as_read)));
        Ok(routes)
    }

    /// The version that there is now.
    fn version(&self, view: &View) -> Version {
        let secrets = self.references.iter().map(|reference| self.settings.secret(reference));
        version(view, secrets.map(|secret| digest(&secret)))
    }

    /// Once for each fault, not every two seconds.
    fn complain(&mut self, error: &str) {
        if self.complaint.as_deref() != Some(error) {
            tracing::warn!(error, "the tenants cannot be read: the last version goes on");
            self.complaint = Some(error.to_owned());
        }
    }
}

/// What differs once anything that is said or a secret does.
fn version(view: &View, secrets: impl Iterator<Item = Version>) -> Version {
    let mut version = Sha256::new_with_prefix(view.digest());
    secrets.for_each(|secret| version.update(secret));
    version.finalize().into()
}

/// Of a secret; one that cannot be read is one more.
fn digest(secret: &Result<SecretString, String>) -> Version {
    match secret {
        Ok(secret) => {
            Sha256::new_with_prefix(b"is").chain_update(secret.expose_secret()).finalize().into()
        }
        Err(_) => Sha256::digest(b"none").into(),
    }
}
