//! One field's JSON value, decoded once.
//!
//! Owns that a number and the string of its digits are the same thing. Refuses to look inside
//! objects.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::de::{Deserializer as _, Error, Visitor};
use serde_json::value::RawValue;

use super::value_kind::ValueKind;

/// A field's value: text to compare and hash for scalars, untouched JSON for the rest.
#[derive(Debug)]
pub(super) enum Value<'a> {
    /// A string's characters, a number as it is spelled, `true` or `false`.
    Scalar { kind: ValueKind, text: Cow<'a, [u8]> },
    /// An array or an object.
    Composite { kind: ValueKind, json: &'a str },
}

impl<'a> Value<'a> {
    /// Decodes one value; null is the same as absent.
    pub(super) fn decode(raw: &'a RawValue) -> Result<Option<Self>, serde_json::Error> {
        let json = raw.get();
        let kind = ValueKind::of_json(json);
        Ok(match kind {
            ValueKind::Null => None,
            ValueKind::String => Some(Self::Scalar { kind, text: decode_string(json)? }),
            ValueKind::Number | ValueKind::Boolean => {
                Some(Self::Scalar { kind, text: Cow::Borrowed(json.as_bytes()) })
            }
            ValueKind::Array | ValueKind::Object => Some(Self::Composite { kind, json }),
        })
    }

    pub(super) fn kind(&self) -> ValueKind {
        match self {
            Self::Scalar { kind, .. } | Self::Composite { kind, .. } => *kind,
        }
    }

    /// A scalar's text. It is UTF-8 except where an escape named half a surrogate pair.
    pub(super) fn text(&self) -> Option<&[u8]> {
        match self {
            Self::Scalar { text, .. } => Some(text),
            Self::Composite { .. } => None,
        }
    }

    /// The text of a number or of a numeric string, one spelling for all: no leading zeros.
    /// Any other string is left as it is; a boolean is no number.
    pub(super) fn numeric_text(&self) -> Option<&[u8]> {
        let text = self.text().filter(|_| self.kind() != ValueKind::Boolean)?;
        if !text.iter().all(u8::is_ascii_digit) {
            return Some(text);
        }
        let zeros = text.iter().take_while(|digit| **digit == b'0').count();
        // A zero is spelled with one of them.
        text.get(zeros.min(text.len().saturating_sub(1))..)
    }

    /// The whole number that a number or a numeric string spells, if it fits.
    pub(super) fn number<N: FromStr>(&self) -> Option<N> {
        let text = std::str::from_utf8(self.numeric_text()?).ok()?;
        // Rust's parser would take a leading plus sign, which no JSON number has.
        if text.starts_with('+') { None } else { text.parse().ok() }
    }

    /// What `true` and `false` say, also as strings.
    pub(super) fn flag(&self) -> Option<bool> {
        match self.text()? {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }
}

/// Decodes a JSON string to bytes rather than to `String`: a text that HubSpot cut off in the
/// middle of a surrogate pair (`"\ud83d"`) is still an event's text.
fn decode_string(json: &str) -> Result<Cow<'_, [u8]>, serde_json::Error> {
    struct Text;

    impl<'de> Visitor<'de> for Text {
        type Value = Cow<'de, [u8]>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a string")
        }

        fn visit_borrowed_bytes<E: Error>(self, text: &'de [u8]) -> Result<Self::Value, E> {
            Ok(Cow::Borrowed(text))
        }

        fn visit_bytes<E: Error>(self, text: &[u8]) -> Result<Self::Value, E> {
            Ok(Cow::Owned(text.to_vec()))
        }
    }

    serde_json::Deserializer::from_str(json).deserialize_bytes(Text)
}
