//! The fields of an event that Hubline knows, by HubSpot's names.
//!
//! Owns the list, and how long a field may be. Refuses to know what a field means.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Most values of `mergedObjectIds` that are read; HubSpot merges far fewer records into one.
pub(super) const MAX_MERGED_IDS: usize = 10_000;

macro_rules! fields {
    ($($variant:ident = $name:literal,)*) => {
        /// A field that Hubline knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Field { $($variant,)* }

        impl Field {
            pub(super) const ALL: [Self; [$($name),*].len()] = [$(Self::$variant,)*];

            /// Its name in HubSpot's JSON.
            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

fields! {
    AppId = "appId",
    PortalId = "portalId",
    SubscriptionId = "subscriptionId",
    SubscriptionType = "subscriptionType",
    EventType = "eventType",
    EventId = "eventId",
    AttemptNumber = "attemptNumber",
    OccurredAt = "occurredAt",
    ObjectId = "objectId",
    ObjectTypeId = "objectTypeId",
    PropertyName = "propertyName",
    PropertyValue = "propertyValue",
    ChangeSource = "changeSource",
    SourceId = "sourceId",
    ChangeFlag = "changeFlag",
    IsSensitive = "isSensitive",
    MessageId = "messageId",
    MessageType = "messageType",
    FromObjectId = "fromObjectId",
    FromObjectTypeId = "fromObjectTypeId",
    ToObjectId = "toObjectId",
    ToObjectTypeId = "toObjectTypeId",
    AssociationType = "associationType",
    AssociationTypeId = "associationTypeId",
    AssociationCategory = "associationCategory",
    AssociationRemoved = "associationRemoved",
    IsPrimaryAssociation = "isPrimaryAssociation",
    PrimaryObjectId = "primaryObjectId",
    MergedObjectIds = "mergedObjectIds",
    NewObjectId = "newObjectId",
    NumberOfPropertiesMoved = "numberOfPropertiesMoved",
}

/// A key of an event's object, where it is one that Hubline knows.
pub(super) struct Known(pub(super) Option<Field>);

/// Reads a key as bytes, since an unknown key may hold what is no text.
impl<'de> Deserialize<'de> for Known {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Key;

        impl Visitor<'_> for Key {
            type Value = Known;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key")
            }

            fn visit_bytes<E: Error>(self, key: &[u8]) -> Result<Known, E> {
                Ok(Known(Field::ALL.into_iter().find(|field| field.name().as_bytes() == key)))
            }
        }

        deserializer.deserialize_bytes(Key)
    }
}
