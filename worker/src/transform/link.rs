//! The functions `link` and `object_type`: where a record is seen in HubSpot.
//!
//! Owns the address of a record's page and the ids of the object types that events call by name. Refuses
//! ids that would change the address.

use minijinja::Value;

use super::portal::Portal;
use super::scalar;

const MAX_ID_BYTES: usize = 100;

const TYPES: [(&str, &str); 6] = [
    ("contact", "0-1"),
    ("company", "0-2"),
    ("deal", "0-3"),
    ("ticket", "0-5"),
    ("product", "0-7"),
    ("line_item", "0-8"),
];

/// `link("0-3", event.objectId)`: `https://app.hubspot.com/contacts/62515/record/0-3/7`. Without an id it is
/// missing.
pub(super) fn link(portal: &Portal<'_>, object_type: &Value, id: &Value) -> Value {
    let Portal { id: portal_id, ui_domain } = portal;
    match (plain(object_type), plain(id)) {
        (Some(object_type), Some(id)) => Value::from(format!(
            "https://{ui_domain}/contacts/{portal_id}/record/{object_type}/{id}"
        )),
        _ => Value::UNDEFINED,
    }
}

/// `object_type(event)`: `0-3`, whether the event says `deal.creation`, or `object.creation` and
/// `objectTypeId`. Of an association: the type it starts at.
pub(super) fn object_type(event: &Value) -> Value {
    let field = |name| event.get_attr(name).ok().filter(|value| scalar::text(value).is_some());
    let kind = field("subscriptionType").or_else(|| field("eventType"));
    let kind = kind.as_ref().and_then(Value::as_str).unwrap_or_default();
    let name = kind.split_once('.').map_or(kind, |(name, _)| name);
    if name == "object" {
        let id = field("objectTypeId").or_else(|| field("fromObjectTypeId"));
        return id.unwrap_or(Value::UNDEFINED);
    }
    let known = TYPES.iter().find(|(known, _)| *known == name);
    known.map_or(Value::UNDEFINED, |(_, id)| Value::from(*id))
}

/// An id of letters, digits, `-` and `_`; none is long.
fn plain(id: &Value) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let id = scalar::text(id).filter(|id| id.len() <= MAX_ID_BYTES && id.chars().all(is_plain));
    id.map(std::borrow::Cow::into_owned)
}
