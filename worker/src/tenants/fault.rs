//! What is wrong with the file, all at once, each with its place and what to do.
//!
//! It repeats names and keys, never a value that may be a secret, an address or a header's text.

use std::error::Error;
use std::fmt;

use super::place::Place;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) place: Place,
    /// What it is about, such as `routes.acme-deals.destination`; empty for the whole file.
    pub(crate) path: String,
    /// What is wrong, and what to do.
    pub(crate) message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place: Place { line, column }, path, message } = self;
        write!(f, "{line}:{column}: ")?;
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        f.write_str(message)
    }
}

/// All faults of a file, in its order. As a text, a line each: `tenants.toml:12:8: …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Faults {
    /// The file, as its reader calls it.
    pub(crate) file: String,
    /// The first of them, at least one.
    pub(crate) first: Vec<Fault>,
    /// How many there are beside these.
    pub(crate) left_off: usize,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.first.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{}:{fault}", self.file)?;
        }
        if self.left_off > 0 {
            write!(f, "\n{}: and {} more", self.file, self.left_off)?;
        }
        Ok(())
    }
}

impl Error for Faults {}
