//! What makes an event of HubSpot's the same event, however often and in whatever company it is
//! delivered, and where it comes from.
//!
//! Owns the identity fields. Refuses `attemptNumber`, which differs between deliveries of one event, and
//! refuses to rely on `eventId` alone, which HubSpot documents as not unique.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;

use super::{error::EventError, field::Field, fields::Fields, value::Value};
use crate::event::{Event, Identity};
use crate::identity::Encoding;
use crate::origin::Origin;

/// Names the encoding of the fields below and its version.
const EVENT_DOMAIN: &[u8] = b"hubline event identity v1";

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
/// category: a false duplicate would be a lost event. `subscriptionType` goes before all of them, under
/// either of its names.
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

/// The event that `body` is: one pass over its bytes, in which none of its facts are built. What it has in
/// common with `neighbour`, another one of the same delivery, the two share.
///
/// What cannot be identified, and so could not be told from a duplicate, is an error.
pub fn identify(body: &Bytes, neighbour: Option<&Event>) -> Result<Event, EventError> {
    let text = std::str::from_utf8(body).map_err(|_| EventError::NotUtf8)?;
    let fields = Fields::read(text)?;
    let portal_id = fields.portal_id()?;
    let origin = match neighbour {
        Some(other) if other.origin.portal_id() == Some(portal_id) => other.origin.clone(),
        _ => Origin::hubspot(portal_id),
    };
    let topic = fields.subscription_type()?;
    let identity = identity_of(topic, &fields)?;
    fields.require_identifiable()?;
    let topic = match neighbour {
        Some(other) if *other.topic == *topic => Arc::clone(&other.topic),
        _ => topic.into(),
    };
    Ok(Event::new(origin, topic, identity, body.clone()))
}

/// Hashes each identity field that is there as its name and its value.
pub(super) fn identity_of(
    subscription_type: &str,
    fields: &Fields<'_>,
) -> Result<Identity, EventError> {
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
                let numbers = fields.list(field)?;
                encoding.push_set(numbers.iter().filter_map(Value::numeric_text).collect());
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
