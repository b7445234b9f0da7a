//! The file that a token is read from, again and again: by its path, since Kubernetes and others put
//! another file there.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::settings::access::Secret;

/// How often it is looked whether the file has changed.
const LOOK: Duration = Duration::from_secs(1);

pub(super) struct File {
    secret: Secret,
    reading: Mutex<Reading>,
}

/// What is known of the file; whoever holds it reads, and nobody beside.
pub(super) struct Reading {
    at: Instant,
    looked: Instant,
    stamp: Option<Stamp>,
    /// Said once.
    is_unreadable: bool,
}

/// What differs once the file is another, or was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: (u64, u64),
    length: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let file = std::fs::metadata(path).ok()?;
        Some(Self {
            inode: (file.dev(), file.ino()),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
        })
    }
}

impl Reading {
    pub(super) fn at(&self) -> Instant {
        self.at
    }
}

impl File {
    /// The file of a secret that was read from one just now.
    pub(super) fn of(secret: Secret) -> Option<Self> {
        secret.file.as_ref()?;
        let now = Instant::now();
        // Looked at once more at first: it may have changed since it was read.
        let reading = Reading { at: now, looked: now, stamp: None, is_unreadable: false };
        Some(Self { secret, reading: Mutex::new(reading) })
    }

    /// The right to read it.
    pub(super) async fn reading(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().await
    }

    /// The same if it is time to look and nobody does.
    pub(super) fn due(&self) -> Option<MutexGuard<'_, Reading>> {
        let reading = self.reading.try_lock().ok()?;
        (reading.looked.elapsed() >= LOOK).then_some(reading)
    }

    /// Whether there is another file, or another content.
    pub(super) async fn has_changed(&self, reading: &mut Reading) -> bool {
        let path = self.secret.file.clone().unwrap_or_default();
        reading.looked = Instant::now();
        let stamp = tokio::task::spawn_blocking(move || Stamp::of(&path)).await;
        stamp.is_ok_and(|stamp| stamp != reading.stamp)
    }

    /// What is in it now. `None` if that cannot be read, which may be for a moment: it is said once,
    /// and the next look tries again.
    pub(super) async fn read(&self, reading: &mut Reading) -> Option<SecretString> {
        let (secret, at) = (self.secret.clone(), Instant::now());
        let read = tokio::task::spawn_blocking(move || {
            // First: what is written after that is seen at the next look.
            let stamp = secret.file.as_deref().and_then(Stamp::of);
            (stamp, secret.again())
        });
        let (stamp, read) = read.await.ok()?;
        (reading.at, reading.looked) = (at, at);
        match read {
            Ok(secret) => {
                (reading.stamp, reading.is_unreadable) = (stamp, false);
                secret
            }
            Err(error) => {
                if !std::mem::replace(&mut reading.is_unreadable, true) {
                    let error = format!("{error:#}");
                    tracing::warn!(error, "a token cannot be read again: the last one is used");
                }
                None
            }
        }
    }
}
