//! Which standalone a command is about: the one it was told of, or the one that is found where
//! standalones keep their data. Looks at no file's content.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use clap::Args;
use shared::store;

use super::dead_letters::output::complain;
use crate::records;
use crate::settings::RecordsSettings;
use crate::standalone::absolute;

/// Where a standalone's data is if nobody says otherwise: its own default, and the folder that a
/// service has.
const PLACES: [&str; 2] = ["hubline-data", "/var/lib/hubline"];

/// The standalone that is meant.
#[derive(Args, Clone, Debug)]
pub(super) struct Data {
    /// Directory of a standalone. If neither this nor DATABASE_URL is set, hubline-data and
    /// /var/lib/hubline are looked for
    #[arg(long, visible_alias = "data-dir", env = "DATA_DIR", value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Data {
    /// Its directory, for a command on `records`; `None` is a cluster.
    pub(super) fn directory(&self, records: &RecordsSettings) -> anyhow::Result<Option<PathBuf>> {
        let is_named = self.data.is_some() || records.url()?.is_some();
        Ok(if is_named { self.data.clone() } else { first_of(&PLACES) })
    }

    /// The same, and says it if nobody has named it.
    pub(super) fn told(&self, records: &RecordsSettings) -> anyhow::Result<Option<PathBuf>> {
        let directory = self.directory(records)?;
        if let (Some(found), None) = (&directory, &self.data) {
            complain(format_args!(
                "using the standalone in {}: neither --data nor DATABASE_URL is set",
                absolute(found).display()
            ));
        }
        Ok(directory)
    }

    /// The directory of a standalone that is running.
    pub(super) fn running(&self) -> Option<PathBuf> {
        let directory = self.data.clone().or_else(|| first_of(&PLACES))?;
        is_in_use(&directory).unwrap_or(false).then_some(directory)
    }
}

/// The first of these that holds a standalone's files.
fn first_of(places: &[&str]) -> Option<PathBuf> {
    let has_data =
        |place: &&Path| place.join(store::FILE).is_file() || place.join(records::FILE).is_file();
    places.iter().map(Path::new).find(has_data).map(Path::to_owned)
}

/// Whether a process has the directory open.
pub(super) fn is_in_use(directory: &Path) -> anyhow::Result<bool> {
    match File::open(directory.join("lock")) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
        Ok(file) => match file.try_lock() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error.into()),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    impl Data {
        /// Of a standalone in this directory.
        pub(in crate::commands) fn at(directory: &Path) -> Self {
            Self { data: Some(directory.to_owned()) }
        }
    }

    #[test]
    fn the_first_place_is_taken_that_has_a_standalones_files() {
        let room = std::env::temp_dir().join(format!("hubline-{:016x}", rand::random::<u64>()));
        let places = ["empty", "queues", "records"].map(|name| room.join(name));
        for (place, file) in places.iter().zip(["other", store::FILE, records::FILE]) {
            std::fs::create_dir_all(place).unwrap();
            std::fs::write(place.join(file), "").unwrap();
        }
        let [empty, queues, records] = places.each_ref().map(|place| place.to_str().unwrap());
        let missing = room.join("missing");
        assert_eq!(first_of(&[missing.to_str().unwrap(), empty]), None);
        assert_eq!(first_of(&[empty, queues, records]), Some(places[1].clone()));
        assert_eq!(first_of(&[records, queues]), Some(places[2].clone()));
        std::fs::remove_dir_all(&room).unwrap();
    }
}
