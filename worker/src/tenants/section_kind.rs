//! What a section of the file is about.

use std::fmt;
use std::str::FromStr;

/// A tenant, a destination or a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SectionKind {
    Tenant,
    Destination,
    Route,
}

impl SectionKind {
    pub(crate) const ALL: [Self; 3] = [Self::Tenant, Self::Destination, Self::Route];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Destination => "destination",
            Self::Route => "route",
        }
    }

    /// The table of a file that has them.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Tenant => "tenants",
            Self::Destination => "destinations",
            Self::Route => "routes",
        }
    }
}

impl fmt::Display for SectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SectionKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is no kind of section"))
    }
}

impl TryFrom<String> for SectionKind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}
