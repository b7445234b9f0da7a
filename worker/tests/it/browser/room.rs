//! A directory of one test's own.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::time::Duration;

use shared::testing::prefix;

/// Removed when dropped.
pub(super) struct Room(pub(super) PathBuf);

impl Room {
    pub(super) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("hubline-{}", prefix()));
        DirBuilder::new().mode(0o700).create(&path).unwrap();
        Self(path)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // What is just ending may make a file while the others are being removed.
        for _ in 0..500 {
            if fs::remove_dir_all(&self.0).is_ok() || !self.0.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
