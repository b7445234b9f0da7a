//! A route's filter, as JSON: a table of the file, or a JSON text.
//!
//! It refuses to know what a filter means: who reads the file brings the check.

use serde_json::Value;
use shared::harmless::cut;
use toml::de::DeValue;

use super::json::json;
use super::section::Section;

/// What is told of why a filter is none, in characters.
const MAX_MESSAGE: usize = 500;

/// Says what is wrong with a filter, and what to do.
pub(crate) type CheckFilter<'c> = dyn Fn(&Value) -> Result<(), String> + 'c;

/// A filter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Filter {
    pub(crate) json: Value,
}

impl Filter {
    /// The filter of a route, if it has one and that is not faulty.
    pub(crate) fn read(section: &Section<'_>, check: &CheckFilter<'_>) -> Option<Self> {
        let value = section.value("filter")?;
        let at = value.span().start;
        let read = match value.get_ref() {
            DeValue::String(text) => serde_json::from_str(text)
                .map_err(|error| (at, format!("must be a table, or JSON in quotes: {error}"))),
            DeValue::Table(_) => json(value).map_err(|fault| (fault.at, fault.message)),
            _ => Err((at, "must be a table, or JSON in quotes".to_owned())),
        };
        let checked = read.and_then(|json| match check(&json) {
            Ok(()) => Ok(json),
            Err(message) => Err((at, cut(&message, MAX_MESSAGE))),
        });
        match checked {
            Ok(json) => Some(Self { json }),
            Err((at, message)) => {
                section.fault_at(at, "filter", message);
                None
            }
        }
    }
}
