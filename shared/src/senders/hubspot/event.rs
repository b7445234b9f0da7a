//! One HubSpot event as facts, read once from the bytes that HubSpot sent.
//!
//! Owns which facts Hubline knows. Refuses to judge whether anyone wants it, and to repeat its values
//! in `Debug`: they may be personal.

#[cfg(test)]
mod tests;

use std::fmt;

use super::error::EventError;
use super::field::Field;
use super::fields::Fields;
use super::identity::identity_of;
use crate::event::Identity;

/// The facts of one event, each named as HubSpot names it.
///
/// HubSpot sends numbers as numbers, and its settings page's Test button sends them as strings:
/// both are read. A field that is absent, null, or not of the shape its fact needs is `None`;
/// handlers decide what they cannot do without. Source of the fields: HubSpot's webhooks guide
/// and captured deliveries.
#[derive(Clone, PartialEq, Eq)]
pub struct HubSpotEvent {
    /// What makes this event itself: the same for every delivery of it.
    pub identity: Identity,
    /// The HubSpot account it happened in.
    pub portal_id: u64,
    /// The app whose subscription it answers.
    pub app_id: Option<u64>,
    /// The subscription it answers.
    pub subscription_id: Option<u64>,
    /// HubSpot's number for it, documented as not unique: never a key by itself.
    pub event_id: Option<u64>,
    /// Such as `deal.propertyChange`; from `subscriptionType`, else from `eventType`.
    pub subscription_type: String,
    /// How often HubSpot tried before, from 0.
    pub attempt_number: Option<u64>,
    /// When it happened, in milliseconds since the Unix epoch. Ties are normal.
    pub occurred_at_ms: Option<i64>,
    /// The record it is about; the thread for conversations, absent for associations.
    pub object_id: Option<u64>,
    /// The record's type in `object.*` events, such as `0-3` or `2-143964783`.
    pub object_type_id: Option<String>,
    /// The property that changed.
    pub property_name: Option<String>,
    /// Its new value as text, whatever its JSON kind; `None` when it was null.
    pub property_value: Option<String>,
    /// Where the change came from, an open set: `CRM_UI`, `INTEGRATION`, `IMPORT`, …
    pub change_source: Option<String>,
    /// Who in that source made it: `userId:52530071`, or an app id in bare digits.
    pub source_id: Option<String>,
    /// `CREATED` (formerly `NEW`), `DELETED`, `NEW_MESSAGE`.
    pub change_flag: Option<String>,
    /// Whether the property is marked sensitive; its value is then the literal `REDACTED`.
    pub is_sensitive: Option<bool>,
    /// The message of a `conversation.newMessage`, 32 hex digits.
    pub message_id: Option<String>,
    /// `MESSAGE` or `COMMENT`.
    pub message_type: Option<String>,
    /// The record an association starts at.
    pub from_object_id: Option<u64>,
    /// The record it leads to.
    pub to_object_id: Option<u64>,
    /// The type of the record an association starts at, in `object.*` events.
    pub from_object_type_id: Option<String>,
    /// The type of the record it leads to, in `object.*` events.
    pub to_object_type_id: Option<String>,
    /// Such as `DEAL_TO_LINE_ITEM`.
    pub association_type: Option<String>,
    /// The association's type in `object.*` events.
    pub association_type_id: Option<u64>,
    /// Such as `HUBSPOT_DEFINED`.
    pub association_category: Option<String>,
    /// Whether the association was taken away rather than made.
    pub association_removed: Option<bool>,
    /// Whether it is the primary one; such a change arrives twice.
    pub is_primary_association: Option<bool>,
    /// The record that a merge kept the data of.
    pub primary_object_id: Option<u64>,
    /// The records merged into it; empty for anything but a merge.
    pub merged_object_ids: Vec<u64>,
    /// The record that stands for all of them afterwards.
    pub new_object_id: Option<u64>,
    /// How many properties the merge moved.
    pub number_of_properties_moved: Option<u64>,
}

impl HubSpotEvent {
    /// Reads one element of a batch: a JSON object in UTF-8.
    ///
    /// Unknown fields are skipped at any depth, and of a key that stands twice the last counts.
    /// What cannot be identified, and so could not be told from a duplicate, is an error.
    pub fn parse(raw: &[u8]) -> Result<Self, EventError> {
        Self::read(raw, None)
    }

    /// The same for an event whose identity is known already and need not be computed again.
    pub(super) fn of(raw: &[u8], identity: Identity) -> Result<Self, EventError> {
        Self::read(raw, Some(identity))
    }

    fn read(raw: &[u8], known: Option<Identity>) -> Result<Self, EventError> {
        let text = std::str::from_utf8(raw).map_err(|_| EventError::NotUtf8)?;
        let fields = Fields::read(text)?;
        let portal_id = fields.portal_id()?;
        let subscription_type = fields.subscription_type()?;
        let identity = match known {
            Some(identity) => identity,
            None => identity_of(subscription_type, &fields)?,
        };
        fields.require_identifiable()?;
        Ok(Self {
            identity,
            portal_id,
            app_id: fields.number(Field::AppId),
            subscription_id: fields.number(Field::SubscriptionId),
            event_id: fields.number(Field::EventId),
            subscription_type: subscription_type.to_owned(),
            attempt_number: fields.number(Field::AttemptNumber),
            occurred_at_ms: fields.number(Field::OccurredAt),
            object_id: fields.number(Field::ObjectId),
            object_type_id: fields.text(Field::ObjectTypeId),
            property_name: fields.text(Field::PropertyName),
            property_value: fields.text(Field::PropertyValue),
            change_source: fields.text(Field::ChangeSource),
            source_id: fields.text(Field::SourceId),
            change_flag: fields.text(Field::ChangeFlag),
            is_sensitive: fields.flag(Field::IsSensitive),
            message_id: fields.text(Field::MessageId),
            message_type: fields.text(Field::MessageType),
            from_object_id: fields.number(Field::FromObjectId),
            to_object_id: fields.number(Field::ToObjectId),
            from_object_type_id: fields.text(Field::FromObjectTypeId),
            to_object_type_id: fields.text(Field::ToObjectTypeId),
            association_type: fields.text(Field::AssociationType),
            association_type_id: fields.number(Field::AssociationTypeId),
            association_category: fields.text(Field::AssociationCategory),
            association_removed: fields.flag(Field::AssociationRemoved),
            is_primary_association: fields.flag(Field::IsPrimaryAssociation),
            primary_object_id: fields.number(Field::PrimaryObjectId),
            merged_object_ids: fields.numbers(Field::MergedObjectIds),
            new_object_id: fields.number(Field::NewObjectId),
            number_of_properties_moved: fields.number(Field::NumberOfPropertiesMoved),
        })
    }
}

/// Ids and types only: a property's value, or who changed it, has no place in a log.
impl fmt::Debug for HubSpotEvent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HubSpotEvent")
            .field("identity", &self.identity)
            .field("portal_id", &self.portal_id)
            .field("subscription_type", &self.subscription_type)
            .field("event_id", &self.event_id)
            .field("object_id", &self.object_id)
            .field("occurred_at_ms", &self.occurred_at_ms)
            .field("attempt_number", &self.attempt_number)
            .finish_non_exhaustive()
    }
}
