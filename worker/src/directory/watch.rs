//! The file is read again when it changes, or a secret that it names.
//!
//! Owns how old a worker's view of it is. What cannot be used is said once, and changes nothing: the last
//! version goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use prometheus_client::registry::Registry;
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use tokio_util::task::AbortOnDropHandle;

use super::{Directory, Rules};
use crate::clients::destinations::Destinations;
use crate::metrics::{TenantMetrics, WorkerMetrics};
use crate::router::Routes;
use crate::settings::TenantSettings;
use crate::tenants::{Difference, MAX_BYTES, SecretRef, Tenants};

/// How often it is looked at. Another version is taken at the second look, within 5 s.
const EVERY: Duration = Duration::from_secs(2);
/// A view that is older than this is none: looking hangs.
const STALE: Duration = Duration::from_secs(60);

/// The file, and what it said last.
pub(crate) struct DirectoryWatch {
    settings: TenantSettings,
    file: PathBuf,
    longest: Duration,
    destinations: Arc<Destinations>,
    metrics: TenantMetrics,
    /// The version that is at work, and one that was seen once: a file that is being written is another one at
    /// the next look.
    taken: Version,
    seen: Version,
    tenants: Tenants,
    /// The secrets that it names.
    references: Vec<SecretRef>,
    complaint: Option<String>,
}

/// Of the text and of all secrets: these are not kept.
type Version = [u8; 32];

impl DirectoryWatch {
    /// Reads the file for the first time; what is wrong with its text is an error. `None` if there is to be
    /// none.
    pub(crate) fn open(
        settings: &TenantSettings,
        longest: Duration,
        metrics: &WorkerMetrics,
        registry: &mut Registry,
    ) -> anyhow::Result<Option<(Self, Routes)>> {
        // There from the start: that there are no tenants is seen too.
        let tenant_metrics = TenantMetrics::register(registry, STALE);
        let Some(file) = settings.file() else { return Ok(None) };
        let destinations =
            Destinations::new(settings.allow()?, settings.proxy()?, metrics.clone())?;
        let mut watch = Self {
            settings: settings.clone(),
            file: file.to_owned(),
            longest,
            destinations: Arc::new(destinations),
            metrics: tenant_metrics,
            taken: Version::default(),
            seen: Version::default(),
            tenants: Tenants::default(),
            references: Vec::new(),
            complaint: None,
        };
        let text = text_of(&watch.file)?;
        let routes = watch.take(&text)?;
        watch.metrics.looked(true);
        Ok(Some((watch, routes)))
    }

    /// Looks at the file until the handle is dropped; `take` is given each other version.
    pub(crate) fn start(mut self, take: impl Fn(Routes) + Send + 'static) -> AbortOnDropHandle<()> {
        AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                tokio::time::sleep(EVERY).await;
                // Reading a file can take its time.
                let looking = tokio::task::spawn_blocking(move || {
                    let looked = catch_unwind(AssertUnwindSafe(|| self.look()));
                    (self, looked.unwrap_or_else(|_| Err(anyhow::anyhow!("looking panicked"))))
                });
                let Ok((watch, looked)) = looking.await else { return };
                self = watch;
                match looked {
                    Ok(routes) => routes.into_iter().for_each(&take),
                    Err(error) => self.complain(&format!("{error:#}")),
                }
                self.metrics.looked(self.complaint.is_none());
            }
        }))
    }

    /// The routes, if they are others than those at work, and the file has been so for two looks.
    fn look(&mut self) -> anyhow::Result<Option<Routes>> {
        let text = text_of(&self.file)?;
        let version = self.version(&text);
        if version == self.taken {
            if self.complaint.take().is_some() {
                tracing::info!(file = %self.file.display(), "the file of tenants is as it was");
            }
            return Ok(None);
        }
        if version != std::mem::replace(&mut self.seen, version) {
            return Ok(None);
        }
        self.take(&text).map(Some)
    }

    fn take(&mut self, text: &str) -> anyhow::Result<Routes> {
        let allow = self.settings.allow()?;
        let secret = |reference: &_| self.settings.secret(reference);
        let rules = Rules { allow: &allow, longest: self.longest, secret: &secret };
        let directory = Directory::read(text, &self.file.display().to_string(), rules)?;
        for fault in &directory.faults {
            tracing::warn!(fault, "a destination cannot be used: what is for it waits");
        }
        let difference = Difference::between(&self.tenants, &directory.tenants);
        let Tenants { tenants, destinations, routes, .. } = &directory.tenants;
        let unusable = directory.faults.len();
        self.metrics.taken(tenants.len(), destinations.len(), routes.len(), unusable);
        tracing::info!(
            file = %self.file.display(),
            tenants = tenants.len(),
            destinations = destinations.len(),
            routes = routes.len(),
            changes = difference.0.len(),
            "tenants taken from their file"
        );
        let routes = directory.routes(&self.destinations);
        self.references = directory.tenants.secrets().cloned().collect();
        self.tenants = directory.tenants;
        self.complaint = None;
        self.taken = self.version(text);
        Ok(routes)
    }

    /// What differs once the text or a secret does. One that cannot be read is one more.
    fn version(&self, text: &str) -> Version {
        let mut version = Sha256::new();
        let mut part = |bytes: &[u8]| {
            version.update((bytes.len() as u64).to_le_bytes());
            version.update(bytes);
        };
        part(text.as_bytes());
        for reference in &self.references {
            match self.settings.secret(reference) {
                Ok(secret) => part(secret.expose_secret().as_bytes()),
                Err(_) => part(b""),
            }
        }
        version.finalize().into()
    }

    /// Once for each fault, not every two seconds.
    fn complain(&mut self, error: &str) {
        if self.complaint.as_deref() != Some(error) {
            tracing::warn!(error, "the file of tenants cannot be used: the last version goes on");
            self.complaint = Some(error.to_owned());
        }
    }
}

/// What is in the file of tenants.
pub(crate) fn text_of(file: &Path) -> anyhow::Result<String> {
    use std::io::Read as _;
    let named = || format!("cannot read {}", file.display());
    let opened = std::fs::File::open(file).with_context(named)?;
    let mut bytes = Vec::new();
    opened.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).with_context(named)?;
    String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8", file.display()))
}
