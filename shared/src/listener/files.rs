//! How many files a process may have open, and how many of them connections may take.

use rustix::process::{Resource, getrlimit};

/// Files that are needed for all else: the broker, Redis, the database, the data file, the console,
/// the admin listener, the runtimes.
const RESERVED: usize = 256;
/// Connections below which it makes no sense to listen.
const LEAST: usize = 32;

/// How many connections may be open at once when `wanted` are wished for.
pub fn connections_for(wanted: usize) -> anyhow::Result<usize> {
    allowed(wanted, getrlimit(Resource::Nofile).current)
}

fn allowed(wanted: usize, files: Option<u64>) -> anyhow::Result<usize> {
    // None is no limit.
    let files = files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    let room = files.saturating_sub(RESERVED);
    anyhow::ensure!(
        room >= LEAST,
        "this process may have {files} files open, which is too few: allow at least {} (ulimit -n)",
        RESERVED + LEAST
    );
    if room < wanted {
        tracing::info!(
            connections = room,
            files,
            "fewer connections than MAX_CONNECTIONS: the limit of open files (ulimit -n) is low"
        );
    }
    Ok(wanted.min(room))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn connections_leave_files_for_all_else() {
        assert_eq!(allowed(1024, None).unwrap(), 1024);
        assert_eq!(allowed(1024, Some(1_048_576)).unwrap(), 1024);
        assert_eq!(allowed(1024, Some(1024)).unwrap(), 768);
        assert_eq!(allowed(100, Some(1024)).unwrap(), 100);
        assert!(allowed(1024, Some(256)).unwrap_err().to_string().contains("ulimit -n"));
    }
}
