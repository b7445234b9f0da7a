//! How many files a process may have open, and how many of them connections may take.

use rustix::process::{Resource, getrlimit};

use super::connections::waiting;

/// Files that are needed for all else: the broker, Redis, the database, the data file, the console,
/// the admin listener.
const RESERVED: usize = 256;
/// Files of a thread that serves: what its runtime waits with.
const OF_A_THREAD: usize = 4;
/// Connections below which it makes no sense to listen.
const LEAST: usize = 32;

/// How many connections may be open at once when `wanted` are wished for, with so many threads that
/// serve.
pub fn connections_for(wanted: usize, threads: usize) -> anyhow::Result<usize> {
    allowed(wanted, threads, getrlimit(Resource::Nofile).current)
}

fn allowed(wanted: usize, threads: usize, files: Option<u64>) -> anyhow::Result<usize> {
    // None is no limit.
    let files = files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    let reserved = RESERVED + threads * OF_A_THREAD;
    let room = files.saturating_sub(reserved);
    // Those that wait to be let in have a file each as well, and each thread may take one more.
    let room = room.saturating_sub(waiting(room) + threads);
    anyhow::ensure!(
        room >= LEAST,
        "this process may have {files} files open, which is too few: allow at least {} (ulimit -n)",
        reserved + LEAST + waiting(LEAST) + threads
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
        assert_eq!(allowed(1024, 2, None).unwrap(), 1024);
        assert_eq!(allowed(1024, 2, Some(1_048_576)).unwrap(), 1024);
        assert_eq!(allowed(1024, 2, Some(1024)).unwrap(), 1024 - 256 - 8 - 64 - 2);
        assert_eq!(allowed(100, 2, Some(1024)).unwrap(), 100);
        assert_eq!(allowed(1024, 64, Some(1024)).unwrap(), 1024 - 256 - 256 - 64 - 64);
        assert!(allowed(1024, 2, Some(256)).unwrap_err().to_string().contains("ulimit -n"));
    }
}
