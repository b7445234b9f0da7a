//! Whose fault it is that something was not written: the disk's, which everybody has to wait
//! for, or the write's own, which is nobody else's concern.

use std::fmt;

/// Why a write or a transaction failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The write's own: it broke a rule of the tables, was no SQL, or panicked.
    Own(String),
    /// The disk's, or whoever else keeps the file busy: may pass.
    Disk(String),
    /// The file is corrupt, or no database at all: for good, and no write may make it worse.
    Damage(String),
    /// There is no connection to write with any more.
    Gone(String),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        let why = error.to_string();
        match error {
            sqlx::Error::WorkerCrashed => Self::Gone(why),
            sqlx::Error::Io(_) => Self::Disk(why),
            // The upper bits say which call or page it was; the lower ones what it means.
            _ => match code(&error).map(|code| code & 0xff) {
                // SQLite's INTERNAL, PERM, BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL, CANTOPEN,
                // PROTOCOL and NOLFS.
                Some(2 | 3 | 5 | 6 | 7 | 8 | 10 | 13 | 14 | 15 | 22) => Self::Disk(why),
                // CORRUPT and NOTADB.
                Some(11 | 26) => Self::Damage(why),
                _ => Self::Own(why),
            },
        }
    }
}

fn code(error: &sqlx::Error) -> Option<u32> {
    error.as_database_error()?.code()?.parse().ok()
}

impl Fault {
    /// The same for a statement that belongs to no single write.
    pub(super) fn of_all(self) -> Self {
        match self {
            Self::Own(why) => Self::Disk(why),
            other => other,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Own(why) | Self::Disk(why) | Self::Damage(why) | Self::Gone(why)) = self;
        f.write_str(why)
    }
}
