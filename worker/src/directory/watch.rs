//! The file is read again when it changes, or a secret that it names.
//!
//! Owns how old a worker's view of it is. What cannot be used is said once, and changes nothing: the last
//! version goes on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use prometheus_client::registry::Registry;
use sha2::{Digest as _, Sha256};
use tokio_util::task::AbortOnDropHandle;

use super::{Directory, Rules};
use crate::clients::destinations::Destinations;
use crate::metrics::{TenantMetrics, WorkerMetrics};
use crate::router::Routes;
use crate::settings::TenantSettings;
use crate::tenants::{Difference, MAX_BYTES, Tenants};

/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(2);

/// The file, and what it said last.
pub(crate) struct DirectoryWatch {
    settings: TenantSettings,
    file: PathBuf,
    longest: Duration,
    destinations: Arc<Destinations>,
    metrics: TenantMetrics,
    /// Of the text and of all secrets: these are not kept.
    seen: [u8; 32],
    tenants: Tenants,
    complaint: Option<String>,
    looked: Instant,
}

impl DirectoryWatch {
    /// Reads the file for the first time; what is wrong with it is an error. `None` if there is to be none.
    pub(crate) fn open(
        settings: &TenantSettings,
        longest: Duration,
        metrics: &WorkerMetrics,
        registry: &mut Registry,
    ) -> anyhow::Result<Option<(Self, Routes)>> {
        // There from the start: that there are no tenants is seen too.
        let tenant_metrics = TenantMetrics::register(registry);
        let Some(file) = settings.file() else { return Ok(None) };
        let destinations =
            Destinations::new(settings.allow()?, settings.proxy()?, metrics.clone())?;
        let mut watch = Self {
            settings: settings.clone(),
            file: file.to_owned(),
            longest,
            destinations: Arc::new(destinations),
            metrics: tenant_metrics,
            seen: [0; 32],
            tenants: Tenants::default(),
            complaint: None,
            looked: Instant::now(),
        };
        let routes = watch.look()?.unwrap_or_default();
        Ok(Some((watch, routes)))
    }

    /// Looks at the file until the handle is dropped; `take` is given each other version.
    pub(crate) fn start(mut self, take: impl Fn(Routes) + Send + 'static) -> AbortOnDropHandle<()> {
        AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                tokio::time::sleep(EVERY).await;
                // Reading a file can take its time.
                let looking = tokio::task::spawn_blocking(move || {
                    let looked = self.look();
                    (self, looked)
                });
                let Ok((watch, looked)) = looking.await else { return };
                self = watch;
                match looked {
                    Ok(None) => {}
                    Ok(Some(routes)) => take(routes),
                    Err(error) => self.complain(&error),
                }
                self.metrics.looked(self.complaint.is_none(), self.looked.elapsed());
            }
        }))
    }

    /// The routes, if they are others than the last time.
    fn look(&mut self) -> anyhow::Result<Option<Routes>> {
        let text = text_of(&self.file)?;
        let secrets = std::cell::RefCell::new(Sha256::new_with_prefix(&text));
        let read = |reference: &_| {
            let secret = self.settings.secret(reference)?;
            let mut secrets = secrets.borrow_mut();
            let bytes = secrecy::ExposeSecret::expose_secret(&secret).as_bytes();
            secrets.update((bytes.len() as u64).to_le_bytes());
            secrets.update(bytes);
            Ok(secret)
        };
        let allow = self.settings.allow()?;
        let rules = Rules { allow: &allow, longest: self.longest, secret: &read };
        let directory = Directory::read(&text, &self.file.display().to_string(), rules)?;
        let seen: [u8; 32] = secrets.into_inner().finalize().into();
        (self.looked, self.complaint) = (Instant::now(), None);
        if seen == self.seen {
            return Ok(None);
        }
        let difference = Difference::between(&self.tenants, &directory.tenants);
        let Tenants { tenants, destinations, routes, .. } = &directory.tenants;
        self.metrics.taken(tenants.len(), destinations.len(), routes.len());
        tracing::info!(
            file = %self.file.display(),
            tenants = tenants.len(),
            destinations = destinations.len(),
            routes = routes.len(),
            changes = difference.0.len(),
            "tenants taken from their file"
        );
        self.seen = seen;
        let routes = directory.routes(&self.destinations);
        self.tenants = directory.tenants;
        Ok(Some(routes))
    }

    /// Once for each fault, not every two seconds.
    fn complain(&mut self, error: &anyhow::Error) {
        let error = format!("{error:#}");
        if self.complaint.as_ref() != Some(&error) {
            tracing::warn!(error, "the file of tenants cannot be used: the last version goes on");
            self.complaint = Some(error);
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
