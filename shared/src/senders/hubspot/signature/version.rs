//! The versions of HubSpot's signature and which of them an operator accepts.
//!
//! Owns their names. Refuses to accept none.

use std::{fmt, str::FromStr};

/// A version of HubSpot's request signature. Only the third carries a time, so a captured
/// request of the others can be replayed for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// SHA-256 over secret and body.
    V1,
    /// SHA-256 over secret, method, URI and body.
    V2,
    /// HMAC-SHA256 over method, URI, body and timestamp.
    V3,
}

impl Version {
    /// Every version, strongest first.
    pub const STRONGEST_FIRST: [Self; 3] = [Self::V3, Self::V2, Self::V1];

    /// As it is written in settings, headers and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::V3 => "v3",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "v1" => Ok(Self::V1),
            "v2" => Ok(Self::V2),
            "v3" => Ok(Self::V3),
            other => Err(VersionError::Unknown(other.to_owned())),
        }
    }
}

/// Why a text names no signature versions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Not a version's name.
    #[error("{0:?} is no signature version: v1, v2 or v3")]
    Unknown(String),
    /// No version at all: every request would be refused.
    #[error("at least one signature version must be accepted: v3, v2 or v1")]
    None,
}

/// The versions an operator accepts, at least one; written `v3,v2,v1`. By default v3 alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptedVersions {
    v1: bool,
    v2: bool,
    v3: bool,
}

impl AcceptedVersions {
    /// Whether a signature of this version counts.
    pub fn contains(&self, version: Version) -> bool {
        match version {
            Version::V1 => self.v1,
            Version::V2 => self.v2,
            Version::V3 => self.v3,
        }
    }
}

impl Default for AcceptedVersions {
    fn default() -> Self {
        Self { v1: false, v2: false, v3: true }
    }
}

impl FromStr for AcceptedVersions {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut accepted = Self { v1: false, v2: false, v3: false };
        if text.trim().is_empty() {
            return Err(VersionError::None);
        }
        for name in text.split(',') {
            match name.trim().parse()? {
                Version::V1 => accepted.v1 = true,
                Version::V2 => accepted.v2 = true,
                Version::V3 => accepted.v3 = true,
            }
        }
        Ok(accepted)
    }
}

impl fmt::Display for AcceptedVersions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accepted =
            Version::STRONGEST_FIRST.into_iter().filter(|version| self.contains(*version));
        for (index, version) in accepted.enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(formatter, "{separator}{version}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn accepted_versions_are_read_in_any_order_and_shown_strongest_first() {
        for (text, shown) in
            [("v3", "v3"), ("v3,v2,v1", "v3,v2,v1"), ("v1, v3", "v3,v1"), (" v2,v2 ", "v2")]
        {
            assert_eq!(text.parse::<AcceptedVersions>().unwrap().to_string(), shown);
        }
        assert_eq!(AcceptedVersions::default().to_string(), "v3");
    }

    #[test]
    fn none_and_unknown_versions_are_refused() {
        for text in ["", "  "] {
            assert_eq!(text.parse::<AcceptedVersions>(), Err(VersionError::None));
        }
        for text in ["v4", "v3,", "3", "V3", "v3;v2"] {
            assert!(matches!(text.parse::<AcceptedVersions>(), Err(VersionError::Unknown(_))));
        }
    }

    #[test]
    fn a_version_is_read_back_from_its_name() {
        for version in Version::STRONGEST_FIRST {
            assert_eq!(version.to_string().parse::<Version>(), Ok(version));
        }
    }
}
