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
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        let Some(answer) = error.sqlite_error() else { return Self::Own(error.to_string()) };
        let code = answer.extended_code;
        let why = format!("{error} (code {code})");
        // The upper bits say which call or page it was; the lower ones what it means.
        match code & 0xff {
            // SQLite's INTERNAL, PERM, BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL, CANTOPEN,
            // PROTOCOL and NOLFS.
            2 | 3 | 5 | 6 | 7 | 8 | 10 | 13 | 14 | 15 | 22 => Self::Disk(why),
            // CORRUPT and NOTADB.
            11 | 26 => Self::Damage(why),
            _ => Self::Own(why),
        }
    }
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
        let (Self::Own(why) | Self::Disk(why) | Self::Damage(why)) = self;
        f.write_str(why)
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    /// What SQLite answers, by its code.
    fn fault(code: i32) -> Fault {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None).into()
    }

    #[test]
    fn it_is_the_disks_fault_whichever_call_failed() {
        // FULL, BUSY and IOERR; and of IOERR the ones for a read, a write and a sync.
        for code in [13, 5, 10, 266, 778, 1034] {
            assert!(matches!(fault(code), Fault::Disk(_)), "{code}");
        }
        for code in [11, 267, 26] {
            assert!(matches!(fault(code), Fault::Damage(_)), "{code}");
        }
        // No SQL; a rule of the tables.
        for code in [1, 19, 2067] {
            assert!(matches!(fault(code), Fault::Own(_)), "{code}");
            assert!(matches!(fault(code).of_all(), Fault::Disk(_)), "{code}");
        }
    }
}
