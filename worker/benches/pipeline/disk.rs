//! The disk beneath the data: a folder on it, how often it syncs, and what kind of file system it has.

use std::fs::{self, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use super::report::Sample;

/// A folder beside the build's output: on a disk, where a temporary directory may be memory. It goes
/// when this is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("bench-{}-{count}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// What a file of its own takes on this disk: as SQLite's log is written, a page and a sync.
    pub(crate) fn synced(&self, times: usize) -> Sample {
        let path = self.0.join("sync");
        let mut options = OpenOptions::new();
        let mut file = options.create(true).truncate(true).write(true).open(path).unwrap();
        let page = [0x5a; 4096];
        // Written before, so that no sync has to write a new size as well.
        for _ in 0..times {
            file.write_all(&page).unwrap();
        }
        file.sync_all().unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let started = Instant::now();
        for _ in 0..times {
            file.write_all(&page).unwrap();
            file.sync_data().unwrap();
        }
        Sample::rate(times, started.elapsed())
    }

    /// Writes to the disk what the system still keeps in memory of it.
    pub(crate) fn flush(&self) {
        assert!(Command::new("sync").arg("-f").arg(&self.0).status().unwrap().success());
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The kind of file system that holds `path`, such as `ext4`.
pub(crate) fn file_system(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let holders = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (place, kind) = (words.next()?, words.next()?);
        path.starts_with(place).then_some((place.len(), kind))
    });
    // Of two at one place the later one hides the other.
    holders.max_by_key(|(length, _)| *length).map_or("unknown", |(_, kind)| kind).to_owned()
}
