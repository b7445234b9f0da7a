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

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::error::Error;

    use sqlx::error::{DatabaseError, ErrorKind};

    use super::*;

    /// What SQLite answers, by its code.
    #[derive(Debug)]
    struct Answer(u32);

    impl fmt::Display for Answer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "code {}", self.0)
        }
    }

    impl Error for Answer {}

    impl DatabaseError for Answer {
        fn message(&self) -> &'static str {
            "an answer"
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.to_string().into())
        }

        fn as_error(&self) -> &(dyn Error + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn Error + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn Error + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    fn fault(code: u32) -> Fault {
        sqlx::Error::Database(Box::new(Answer(code))).into()
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
