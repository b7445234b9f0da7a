//! Where the directory comes from: a file, or the records.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

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
    File(PathBuf),
    Records(Stored),
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
    pub(crate) fn of_records(records: Records) -> Self {
        Self::Records(Stored { records, last: None, listener: None, deaf: 0 })
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
            Self::File(file) => {
                let file = file.clone();
                let reading = tokio::task::spawn_blocking(move || view_of(&file));
                Ok(Arc::new(reading.await??))
            }
            Self::Records(stored) => stored.view().await,
        }
    }

    /// Whether what it says was written as a whole: a file may be in the middle of it.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self, Self::Records(_))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn a_file_is_read_to_its_end_or_not_at_all() {
        let file = std::env::temp_dir().join(format!("hubline-{:032x}", rand::random::<u128>()));
        let mut text = "#".repeat(MAX_BYTES - 2) + "ä";
        std::fs::write(&file, &text).unwrap();
        assert_eq!(view_of(&file).unwrap().text.len(), MAX_BYTES);
        // The end is in the middle of a letter.
        text.insert(0, '#');
        std::fs::write(&file, &text).unwrap();
        let error = format!("{:#}", view_of(&file).unwrap_err());
        assert!(error.ends_with("longer than 16777216 bytes: shorten it"), "{error}");
        std::fs::remove_file(&file).unwrap();
    }
}
