//! What makes an event the same event, however often and in whatever company it is delivered.
//!
//! Owns the identity fields and their encoding. Refuses `attemptNumber`, which differs between
//! deliveries of one event, and refuses to rely on `eventId` alone, which HubSpot documents as
//! not unique.

#[cfg(test)]
mod tests;

use std::{fmt, fmt::Write as _, str::FromStr};

use sha2::{Digest, Sha256};

use super::{error::EventError, field::Field, fields::Fields, value::Value};

/// Names the encoding below and its version: another encoding must carry another name, because
/// an event in flight during an upgrade would otherwise be done twice without a trace.
const EVENT_DOMAIN: &[u8] = b"hubline event identity v1";

/// Keeps what could not be read apart from every event that could.
const UNREADABLE_DOMAIN: &[u8] = b"hubline unreadable identity v1";

/// How a field's value becomes text to hash.
#[derive(Clone, Copy)]
enum Shape {
    /// A number or a string of digits: one spelling.
    Number,
    /// Any scalar, character by character.
    Text,
    /// Scalars in any order.
    Numbers,
}

/// The identity fields, in the order in which they are hashed.
///
/// The first block is what identifies an event for every kind of subscription. The second is an
/// extension for kinds whose events the first could confuse, where no `objectId` tells them
/// apart or where ids are unique only within an object type or, of associations' types, within a
/// category: a false duplicate would be a lost event. `subscriptionType` goes before all of them, under either of its names.
const IDENTITY_FIELDS: [(Field, Shape); 22] = [
    (Field::AppId, Shape::Number),
    (Field::PortalId, Shape::Number),
    (Field::SubscriptionId, Shape::Number),
    (Field::EventId, Shape::Number),
    (Field::ObjectId, Shape::Number),
    (Field::FromObjectId, Shape::Number),
    (Field::ToObjectId, Shape::Number),
    (Field::AssociationType, Shape::Text),
    (Field::AssociationRemoved, Shape::Text),
    (Field::PropertyName, Shape::Text),
    (Field::PropertyValue, Shape::Text),
    (Field::OccurredAt, Shape::Number),
    //
    (Field::ObjectTypeId, Shape::Text),
    (Field::FromObjectTypeId, Shape::Text),
    (Field::ToObjectTypeId, Shape::Text),
    (Field::AssociationTypeId, Shape::Number),
    (Field::AssociationCategory, Shape::Text),
    (Field::IsPrimaryAssociation, Shape::Text),
    (Field::PrimaryObjectId, Shape::Number),
    (Field::MergedObjectIds, Shape::Numbers),
    (Field::NewObjectId, Shape::Number),
    (Field::MessageId, Shape::Text),
];

/// An event's identity: 64 lower-case hex digits, the SHA-256 of its identity fields.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(String);

/// A text that is not 64 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event's identity is 64 lower-case hex digits")]
pub struct NotAnIdentity;

impl Identity {
    /// Hashes each identity field that is there as its name and its value, each after its length
    /// in eight bytes, so that no two different events encode alike.
    pub(super) fn of_event(
        subscription_type: &str,
        fields: &Fields<'_>,
    ) -> Result<Self, EventError> {
        let mut encoding = Encoding::new(EVENT_DOMAIN);
        encoding.push(Field::SubscriptionType.name().as_bytes());
        encoding.push(subscription_type.as_bytes());
        for (field, shape) in IDENTITY_FIELDS {
            let Some(value) = fields.get(field) else {
                continue;
            };
            encoding.push(field.name().as_bytes());
            let (text, expected) = match shape {
                Shape::Number => (value.numeric_text(), "a number"),
                Shape::Text => (value.text(), "a string, number or boolean"),
                Shape::Numbers => {
                    encoding.push_set(&fields.list(field)?);
                    continue;
                }
            };
            encoding.push(text.ok_or(EventError::WrongKind {
                field: field.name(),
                expected,
                found: value.kind(),
            })?);
        }
        Ok(encoding.finish())
    }

    /// The identity of bytes in which no event can be identified: their own hash, apart from
    /// every event's.
    pub fn of_unreadable(bytes: &[u8]) -> Self {
        let mut encoding = Encoding::new(UNREADABLE_DOMAIN);
        encoding.push(bytes);
        encoding.finish()
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl AsRef<str> for Identity {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for Identity {
    type Err = NotAnIdentity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 64 && text.bytes().all(hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAnIdentity)
        }
    }
}

/// Parts in a row, each after its length, hashed as they come.
struct Encoding(Sha256);

impl Encoding {
    fn new(domain: &[u8]) -> Self {
        let mut encoding = Self(Sha256::new());
        encoding.push(domain);
        encoding
    }

    fn push(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    /// Pushes a list of numbers as their count and then each, sorted: HubSpot promises no order.
    fn push_set(&mut self, values: &[Value<'_>]) {
        let mut texts: Vec<&[u8]> = values.iter().filter_map(Value::numeric_text).collect();
        texts.sort_unstable();
        self.0.update((texts.len() as u64).to_be_bytes());
        for text in texts {
            self.push(text);
        }
    }

    fn finish(self) -> Identity {
        let mut hex = String::with_capacity(64);
        for byte in self.0.finalize() {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        Identity(hex)
    }
}
