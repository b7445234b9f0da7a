//! One event's values of the fields that Hubline knows.
//!
//! Owns what belongs into each field and which ones make an event identifiable. Refuses to keep
//! what it does not know: the event's own bytes travel on and hold everything.

use std::{fmt, str::FromStr};

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    elements::Elements,
    error::EventError,
    field::{Field, Known, MAX_MERGED_IDS},
    value::Value,
    value_kind::ValueKind,
};
use crate::event::MAX_TOPIC_BYTES;

/// One event's values, by field, borrowed from its bytes: nothing is copied but what has an escape in it.
#[derive(Debug)]
pub(super) struct Fields<'a>([Option<Value<'a>>; Field::ALL.len()]);

impl<'a> Fields<'a> {
    /// Reads one JSON object and nothing after it.
    pub(super) fn read(text: &'a str) -> Result<Self, EventError> {
        let kind = ValueKind::of_json(text.trim_ascii_start());
        if kind != ValueKind::Object {
            serde_json::from_str::<IgnoredAny>(text)?;
            return Err(EventError::NotAnObject(kind));
        }
        let raw: RawFields<'a> = serde_json::from_str(text)?;
        let mut values = [const { None }; Field::ALL.len()];
        for (value, raw) in values.iter_mut().zip(raw.0) {
            *value = raw.map(Value::decode).transpose()?.flatten();
        }
        Ok(Self(values))
    }

    pub(super) fn get(&self, field: Field) -> Option<&Value<'a>> {
        self.0[field as usize].as_ref()
    }

    /// The field as text; half a surrogate pair becomes the replacement character.
    pub(super) fn text(&self, field: Field) -> Option<String> {
        let text = self.get(field)?.text()?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    pub(super) fn number<N: FromStr>(&self, field: Field) -> Option<N> {
        self.get(field)?.number()
    }

    pub(super) fn flag(&self, field: Field) -> Option<bool> {
        self.get(field)?.flag()
    }

    /// The whole numbers of a list, or a lone one as a list of itself.
    pub(super) fn numbers(&self, field: Field) -> Vec<u64> {
        let Ok(values) = self.list(field) else {
            return Vec::new();
        };
        values.iter().filter_map(Value::number).collect()
    }

    /// The values of a field that is an array, or a lone value as a list of itself.
    pub(super) fn list(&self, field: Field) -> Result<Vec<Value<'_>>, EventError> {
        let wrong = |found| EventError::WrongKind {
            field: field.name(),
            expected: "an array of numbers",
            found,
        };
        let json = match self.get(field) {
            None => return Ok(Vec::new()),
            Some(Value::Composite { kind: ValueKind::Array, json }) => json,
            Some(Value::Composite { kind, .. }) => return Err(wrong(*kind)),
            Some(Value::Scalar { kind, text }) => {
                let text = text.as_ref().into();
                return Ok(vec![Value::Scalar { kind: *kind, text }]);
            }
        };
        let elements = Elements::read(json, MAX_MERGED_IDS)?;
        if elements.excess {
            return Err(EventError::TooManyMergedIds);
        }
        let mut values = Vec::with_capacity(elements.kept.len());
        for element in elements.kept {
            match Value::decode(element)? {
                Some(value @ Value::Scalar { .. }) => values.push(value),
                Some(value) => return Err(wrong(value.kind())),
                None => {}
            }
        }
        Ok(values)
    }

    pub(super) fn portal_id(&self) -> Result<u64, EventError> {
        let field = Field::PortalId;
        let value = self.get(field).ok_or(EventError::Missing(field.name()))?;
        if value.numeric_text().is_none() {
            let (field, found) = (field.name(), value.kind());
            return Err(EventError::WrongKind { field, expected: "a number", found });
        }
        value.number().ok_or(EventError::NotANumber(field.name()))
    }

    /// `subscriptionType`, as deliveries spell it, else `eventType`, as the documentation does.
    pub(super) fn subscription_type(&self) -> Result<&str, EventError> {
        for field in [Field::SubscriptionType, Field::EventType] {
            let Some(value) = self.get(field) else {
                continue;
            };
            let wrong = EventError::WrongKind {
                field: field.name(),
                expected: "a string",
                found: value.kind(),
            };
            let text = value.text().filter(|_| value.kind() == ValueKind::String).ok_or(wrong)?;
            if text.len() > MAX_TOPIC_BYTES {
                return Err(EventError::TypeTooLong);
            }
            if !text.is_empty() {
                return std::str::from_utf8(text).map_err(|_| EventError::NotUtf8);
            }
        }
        Err(EventError::Missing(Field::SubscriptionType.name()))
    }

    /// Refuses an event whose identity another event could share without being the same.
    pub(super) fn require_identifiable(&self) -> Result<(), EventError> {
        let has = |field| self.get(field).is_some();
        let subject = has(Field::ObjectId)
            || (has(Field::FromObjectId) && has(Field::ToObjectId))
            || has(Field::PrimaryObjectId);
        if has(Field::EventId) || (subject && has(Field::OccurredAt)) {
            Ok(())
        } else {
            Err(EventError::Unidentifiable)
        }
    }
}

/// The known fields' values before they are decoded; of a key that stands twice, the last.
struct RawFields<'a>([Option<&'a RawValue>; Field::ALL.len()]);

impl<'de> Deserialize<'de> for RawFields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = RawFields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut values = [None; Field::ALL.len()];
                while let Some(Known(field)) = map.next_key()? {
                    match field {
                        Some(field) => values[field as usize] = Some(map.next_value()?),
                        None => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(RawFields(values))
            }
        }

        deserializer.deserialize_map(Object)
    }
}
