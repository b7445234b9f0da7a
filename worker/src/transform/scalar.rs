//! A value that is one text or one number.
//!
//! HubSpot sends the same fact now as text, now as a number, so both are read alike. Refuses truth values,
//! lists and objects.

use std::borrow::Cow;

use minijinja::Value;
use minijinja::value::ValueKind;

/// Its text, without space around; None for what is empty, missing or something else.
pub(super) fn text(value: &Value) -> Option<Cow<'_, str>> {
    let text = match value.kind() {
        ValueKind::String => Cow::Borrowed(value.as_str()?.trim()),
        ValueKind::Number => Cow::Owned(value.to_string()),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}
