//! Why a file is not taken.

use std::fmt;

use crate::tenants::Faults;

/// All that is wrong with it.
#[derive(Debug)]
pub(crate) enum DirectoryFault {
    /// Its text, by line and column.
    Text(Faults),
    /// What it says cannot be used: a secret that is not there, an address that is not called.
    Unusable(Vec<String>),
}

impl fmt::Display for DirectoryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(faults) => write!(f, "{faults}"),
            Self::Unusable(faults) => f.write_str(&faults.join("\n")),
        }
    }
}

impl std::error::Error for DirectoryFault {}
