//! The elements of one JSON array as slices of its text, at most a given number of them.
//!
//! Owns that the bound holds while reading, so that two bytes of input cannot become sixteen of
//! memory without end. Refuses to look inside an element; the parser skips over it without
//! recursion, however deep it is.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// An array, taken apart.
pub(super) struct Elements<'a> {
    /// The first elements, up to the limit.
    pub(super) kept: Vec<&'a RawValue>,
    /// Whether there were more.
    pub(super) excess: bool,
}

impl<'a> Elements<'a> {
    /// Reads `json`, which must be one array and nothing after it.
    pub(super) fn read(json: &'a str, limit: usize) -> Result<Self, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let elements = Limit(limit).deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(elements)
    }
}

struct Limit(usize);

impl<'de> DeserializeSeed<'de> for Limit {
    type Value = Elements<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Limit {
    type Value = Elements<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < self.0 {
            match array.next_element()? {
                Some(element) => kept.push(element),
                None => {
                    return Ok(Elements { kept, excess: false });
                }
            }
        }
        let mut excess = false;
        while array.next_element::<IgnoredAny>()?.is_some() {
            excess = true;
        }
        Ok(Elements { kept, excess })
    }
}
