//! How requests to a destination are signed, and with which secrets.

use super::secret_ref::SecretRef;
use super::section::Section;
use super::value::choice;

const STANDARD: &str = "standard";
const HUBSPOT: &str = "hubspot";
const NONE: &str = "none";

/// A way to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// As Standard Webhooks has it: with both, while one secret takes the place of another.
    Standard { secret: SecretRef, previous_secret: Option<SecretRef> },
    /// As HubSpot does.
    HubSpot { secret: SecretRef },
    /// Not at all.
    Nothing,
}

impl Sign {
    /// `None` if any of the keys is faulty.
    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        let secret = SecretRef::read(section, "secret");
        let previous_secret = SecretRef::read(section, "previous_secret");
        let words = [STANDARD, HUBSPOT, NONE].map(|word| (word, word));
        let word = if section.has("sign") {
            section.optional("sign", |value| choice(value, &words))?
        } else {
            STANDARD
        };
        if word != STANDARD && section.has("previous_secret") {
            section.fault("previous_secret", "is only for sign = \"standard\": remove it");
        }
        match (word, section.has("secret")) {
            (NONE, true) => {
                section.fault("secret", "signs nothing with sign = \"none\": remove one of them");
                None
            }
            (NONE, false) => Some(Self::Nothing),
            (_, false) => {
                let example =
                    "{ env = \"NAME\" } or { file = \"/path/to/it\" }, or else sign = \"none\"";
                section.missing("secret", example);
                None
            }
            (HUBSPOT, true) => Some(Self::HubSpot { secret: secret? }),
            (_, true) => Some(Self::Standard { secret: secret?, previous_secret }),
        }
    }

    /// The way, as the file calls it.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Standard { .. } => STANDARD,
            Self::HubSpot { .. } => HUBSPOT,
            Self::Nothing => NONE,
        }
    }

    /// The secret that signs.
    pub(crate) fn secret(&self) -> Option<&SecretRef> {
        match self {
            Self::Standard { secret, .. } | Self::HubSpot { secret } => Some(secret),
            Self::Nothing => None,
        }
    }

    /// The one that it takes the place of.
    pub(crate) fn previous_secret(&self) -> Option<&SecretRef> {
        match self {
            Self::Standard { previous_secret, .. } => previous_secret.as_ref(),
            Self::HubSpot { .. } | Self::Nothing => None,
        }
    }
}
