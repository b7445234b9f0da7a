//! How requests to a destination are signed, and with which secrets.

use toml::Spanned;
use toml::de::DeValue;

use super::secret_form::SecretForm;
use super::secret_ref::{EXAMPLE, SecretRef};
use super::section::Section;
use super::value::choice;

const STANDARD: &str = "standard";
const HUBSPOT: &str = "hubspot";
const NONE: &str = "none";

/// The key of a secret that is made here.
const GENERATED: &str = "generated";

/// A way to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// As Standard Webhooks has it: with both, while one secret takes the place of another.
    Standard { secret: SecretRef, previous_secret: Option<SecretRef> },
    /// As HubSpot does.
    HubSpot { secret: SecretRef },
    /// With a secret that Hubline has made and keeps itself. One that stood somewhere else before may sign as
    /// well.
    Generated { form: SecretForm, previous_secret: Option<SecretRef> },
    /// Not at all.
    Nothing,
}

impl Sign {
    /// `None` if any of the keys is faulty.
    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        let is_generated = is_generated(section);
        let secret = if is_generated { None } else { SecretRef::read(section, "secret") };
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
            (_, true) if is_generated => {
                let form = if word == HUBSPOT { SecretForm::HubSpot } else { SecretForm::Standard };
                is_generated_alone(section).then_some(Self::Generated { form, previous_secret })
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
            Self::Generated { form, .. } => form.as_str(),
            Self::Nothing => NONE,
        }
    }

    /// Whether a request is signed as HubSpot does it.
    pub(crate) fn is_as_hubspots(&self) -> bool {
        self.word() == HUBSPOT
    }

    /// Where the secret is that signs, if it stands anywhere.
    pub(crate) fn secret(&self) -> Option<&SecretRef> {
        match self {
            Self::Standard { secret, .. } | Self::HubSpot { secret } => Some(secret),
            Self::Generated { .. } | Self::Nothing => None,
        }
    }

    /// The one that it takes the place of.
    pub(crate) fn previous_secret(&self) -> Option<&SecretRef> {
        match self {
            Self::Standard { previous_secret, .. } | Self::Generated { previous_secret, .. } => {
                previous_secret.as_ref()
            }
            Self::HubSpot { .. } | Self::Nothing => None,
        }
    }

    /// The form of the secret that is made here, if it is.
    pub(crate) fn generated(&self) -> Option<SecretForm> {
        match self {
            Self::Generated { form, .. } => Some(*form),
            Self::Standard { .. } | Self::HubSpot { .. } | Self::Nothing => None,
        }
    }
}

/// Whether the section's secret is one that is made here, or is meant to be.
fn is_generated(section: &Section<'_>) -> bool {
    let value = section.value("secret").map(Spanned::get_ref);
    matches!(value, Some(DeValue::Table(table)) if table.contains_key(GENERATED))
}

/// Whether it says so, and nothing else.
fn is_generated_alone(section: &Section<'_>) -> bool {
    let Some(said) = section.table("secret") else { return false };
    if said.keys().len() > 1 {
        section.fault(
            "secret",
            format!("must be {{ generated = true }} and nothing else, or {EXAMPLE}"),
        );
        return false;
    }
    let is_true = |value: &DeValue<'_>| match value {
        DeValue::Boolean(true) => Ok(()),
        _ => Err(format!("must be true: for a secret of your own write {EXAMPLE} instead")),
    };
    said.optional(GENERATED, is_true).is_some()
}
