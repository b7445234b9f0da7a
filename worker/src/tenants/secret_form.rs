//! The form that a secret has which is made here: as whoever verifies with it expects one.

use std::fmt;

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretForm {
    /// `whsec_` and base64, as Standard Webhooks has it. Two may sign while one takes the place of the other.
    Standard,
    /// As client secrets of HubSpot's apps. A request has one signature.
    HubSpot,
}

impl SecretForm {
    /// As the file calls the signature.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::HubSpot => "hubspot",
        }
    }

    /// Whether the one before it can sign as well.
    pub(crate) fn overlaps(self) -> bool {
        self == Self::Standard
    }
}

impl fmt::Display for SecretForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for SecretForm {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let found = [Self::Standard, Self::HubSpot].into_iter().find(|form| form.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is no form of a secret"))
    }
}
