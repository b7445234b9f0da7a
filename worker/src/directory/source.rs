//! Where the directory comes from: a file, or the records.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use shared::origin::Origin;

use super::view::View;
use crate::records::{Records, TenantsListener};
use crate::tenants::{MAX_BYTES, too_long};

/// How often it is looked at. Another version of a file is taken at the second look, within 5 s.
const EVERY: Duration = Duration::from_secs(2);
/// Where nothing is to be heard, listening is tried again after so many looks.
const DEAF_FOR: u32 = 30;

/// A source.
#[derive(Debug)]
pub(crate) enum Source {
    File(Filed),
    Records(Stored),
}

/// A file, and who of it is without the app.
#[derive(Debug)]
pub(crate) struct Filed {
    path: PathBuf,
    /// Where portals install the app.
    installations: Option<Records>,
    /// As it was read last; `None` before.
    without_app: Option<Arc<[(Origin, i64)]>>,
    is_away: bool,
}

/// The sections of the records, as they were read last.
#[derive(Debug)]
pub(crate) struct Stored {
    records: Records,
    last: Option<(i64, Arc<View>)>,
    listener: Option<TenantsListener>,
    deaf: u32,
}

impl Source {
    /// `installations` are where portals install the app, if they do.
    pub(crate) fn of_file(path: PathBuf, installations: Option<Records>) -> Self {
        Self::File(Filed { path, installations, without_app: None, is_away: false })
    }

    pub(crate) fn of_records(records: Records) -> Self {
        Self::Records(Stored { records, last: None, listener: None, deaf: 0 })
    }

    /// Where it stands, if that can be written.
    pub(super) fn records(&self) -> Option<&Records> {
        match self {
            Self::File(_) => None,
            Self::Records(stored) => Some(&stored.records),
        }
    }

    /// Waits until it is time to look.
    pub(super) async fn wait(&mut self) {
        let time = tokio::time::sleep(EVERY);
        match self {
            Self::File(_) => time.await,
            Self::Records(stored) => {
                tokio::select! {
                    () = time => {}
                    () = stored.heard() => {}
                }
            }
        }
    }

    /// What there is now.
    pub(super) async fn view(&mut self) -> anyhow::Result<Arc<View>> {
        match self {
            Self::File(file) => file.view().await,
            Self::Records(stored) => stored.view().await,
        }
    }

    /// Whether what it says was written as a whole: a file may be in the middle of it.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self, Self::Records(_))
    }
}

impl Filed {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    async fn view(&mut self) -> anyhow::Result<Arc<View>> {
        let path = self.path.clone();
        let reading = tokio::task::spawn_blocking(move || view_of(&path));
        let view = reading.await??;
        let Some(records) = &self.installations else { return Ok(Arc::new(view)) };
        // While the database is away those go on being without that were. Nobody knows at the start.
        match records.without_app().await {
            Ok(accounts) => (self.without_app, self.is_away) = (Some(accounts.into()), false),
            Err(error) if self.without_app.is_none() => {
                return Err(error.context("who has uninstalled the app cannot be read"));
            }
            Err(error) if !std::mem::replace(&mut self.is_away, true) => {
                let error = format!("{error:#}");
                tracing::warn!(error, "who has uninstalled the app cannot be read");
            }
            Err(_) => {}
        }
        Ok(Arc::new(view.without_app(self.without_app.clone().unwrap_or_default())))
    }

    /// Whether a text is all there is to it.
    pub(super) fn is_alone(&self) -> bool {
        self.installations.is_none()
    }
}

impl Stored {
    async fn view(&mut self) -> anyhow::Result<Arc<View>> {
        if let Some((version, view)) = &self.last
            && *version == self.records.tenants_version().await?
        {
            return Ok(Arc::clone(view));
        }
        // What was made for a section is there with it.
        let sections = self.records.tenant_sections().await?;
        let secrets = self.records.kept_secrets().await?;
        let view = Arc::new(View::of_records(&sections).with(secrets));
        self.last = Some((sections.version, Arc::clone(&view)));
        Ok(view)
    }

    /// Until a change is told of. Where that cannot be it never is, and looking now and then does.
    async fn heard(&mut self) {
        if self.listener.is_none() {
            if let Some(deaf) = self.deaf.checked_sub(1) {
                self.deaf = deaf;
                return std::future::pending::<()>().await;
            }
            self.deaf = DEAF_FOR;
            self.listener = self.records.listen_to_tenants().await;
        }
        if let Some(listener) = &mut self.listener
            && listener.heard().await.is_ok()
        {
            return;
        }
        self.listener = None;
        std::future::pending::<()>().await;
    }
}

/// What a file says.
pub(crate) fn view_of(file: &Path) -> anyhow::Result<View> {
    Ok(View::of_file(file.display().to_string(), text_in(file)?))
}

/// What is in the file of tenants.
fn text_in(file: &Path) -> anyhow::Result<String> {
    use std::io::Read as _;
    let named = || format!("cannot read {}", file.display());
    let opened = std::fs::File::open(file).with_context(named)?;
    let mut bytes = Vec::new();
    opened.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).with_context(named)?;
    // Before what it says is looked at: it was not read to its end.
    anyhow::ensure!(bytes.len() <= MAX_BYTES, "{}: {}", file.display(), too_long());
    String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8", file.display()))
}
