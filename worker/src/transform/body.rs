//! The body that goes out, from what a template printed.
//!
//! Owns what each kind of body must be, and when there is none. Refuses to mend: what is no JSON is an error.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::Reason;

/// The longest body.
pub(super) const MAX_OUTPUT_BYTES: usize = 1024 * 1024;
/// As deep as most readers of JSON go.
const MAX_DEPTH: usize = 128;

/// What a template gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gives {
    /// `application/json`. A missing value is `null`, in a text nothing.
    Json,
    /// `application/x-www-form-urlencoded`, of a JSON object. What is `null` there is left out.
    Form,
    /// `text/plain`, in which nothing is escaped. A missing value is nothing.
    Text,
}

/// A body to send.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Made {
    /// At most 1 MiB.
    pub(crate) body: Vec<u8>,
    /// What it is sent as.
    pub(crate) content_type: &'static str,
}

/// Without the body.
impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { body, content_type } = self;
        f.debug_struct("Made")
            .field("bytes", &body.len())
            .field("content_type", content_type)
            .finish()
    }
}

/// The body of what was printed. None, the event is dropped: nothing was printed but space, or `null`.
pub(super) fn made(output: Vec<u8>, gives: Gives) -> Result<Option<Made>, Reason> {
    let trimmed = output.trim_ascii();
    if trimmed.is_empty() || (gives != Gives::Text && trimmed == b"null") {
        return Ok(None);
    }
    let (body, content_type) = match gives {
        Gives::Text => (output, "text/plain; charset=utf-8"),
        Gives::Json => (compact(&output)?, "application/json"),
        Gives::Form => (form(&compact(&output)?)?, "application/x-www-form-urlencoded"),
    };
    if body.len() > MAX_OUTPUT_BYTES {
        return Err(Reason::TooLong);
    }
    Ok(Some(Made { body, content_type }))
}

/// The same JSON without space. Digits and the order of keys stay as they were written.
fn compact(json: &[u8]) -> Result<Vec<u8>, Reason> {
    serde_json::from_slice::<IgnoredAny>(json)
        .map_err(|error| Reason::NotJson(error.to_string()))?;
    let mut compact = Vec::with_capacity(json.len());
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for &byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ if byte.is_ascii_whitespace() => continue,
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(Reason::TooDeep);
        }
        compact.push(byte);
    }
    Ok(compact)
}

fn form(json: &[u8]) -> Result<Vec<u8>, Reason> {
    let refused = Reason::NotAForm;
    let fields: Fields<'_> = serde_json::from_slice(json).map_err(|_| refused("this is none"))?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in &fields.0 {
        match value.get() {
            "null" => {}
            text if text.starts_with('"') => {
                let text: String = serde_json::from_str(text)
                    .map_err(|_| refused("a text has half a character"))?;
                form.append_pair(name, &text);
            }
            text if text.starts_with(['[', '{']) => {
                return Err(refused("a value is a list or an object"));
            }
            plain => {
                form.append_pair(name, plain);
            }
        }
    }
    Ok(form.finish().into_bytes())
}

/// An object's fields in their order, with numbers as they are written.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}
