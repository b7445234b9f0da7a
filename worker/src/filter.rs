//! Filters: which events go to a tenant's route.
//!
//! Owns what a filter may say and what that means. Refuses to read records, to know routes, and to guess:
//! what it does not understand is an error that names its place.
//!
//! A filter is a condition, `{"field", "operator", "value"}`, or a group, `{"logic", "conditions"}`, of
//! conditions and groups. `logic` is `and` where it is missing. A group without conditions holds.
//!
//! A field is a path into the event: `a.b`, and `a.0` or `a[0]` in arrays. `event.` may stand before it, and
//! `[0].`, as people bring filters for whole batches. `object.amount` and `object.properties.amount` are both
//! the property of the CRM record. What is missing on the way, and null, is a missing field: then
//! `not_equals`, `not_in` and `not_exists` hold and nothing else does. Empty text is there.
//!
//! | Operator | Holds if |
//! |---|---|
//! | `equals`, `not_equals` | the field is the value, or not. A number is its decimal text too, exactly: `100` is `"100"` and `"100.0"`. `true` is `"true"`. Two texts are the same or not: `"100"` is not `"100.0"`, nor a time another spelling of it |
//! | `in`, `not_in` | it equals one of the list, or none |
//! | `starts_with`, `ends_with` | its text does. Numbers and booleans count as their JSON text, as HubSpot sends the same value now as text and now as a number |
//! | `contains` | its text has the value in it, or the array has an element that equals it |
//! | `matches` | its text has a match in it (syntax of the crate `regex-lite`), and is no longer than 4 KiB |
//! | `greater_than`, `less_than` | it is so by number, of numbers and decimal texts, or by time: of times in RFC 3339, days (`2026-11-21`, midnight UTC) and, beside one of these, ms since the epoch |
//! | `exists`, `not_exists` | it is there, or not. These take no value |
//!
//! Case counts. A field of another type than an operator looks at (an array, an object) is there, but is
//! nothing the operator finds: `not_equals` and `not_in` hold. Decimal text is what JSON has as a number, of
//! at most 100 bytes: `007` and `+5` are texts. JSON's own numbers are exact as far as they are read exactly:
//! beyond 64 bits and 17 digits only texts are.
//!
//! A filter has at most 100 conditions, 10 of them with `matches` (64 KiB compiled together), and 100 groups, 8 in each other. A field has at
//! most 256 bytes, a value 4 KiB, a pattern 512 bytes, a list 1000 values and at least one: an empty one is
//! somebody's mistake, and nothing would get through.

mod check;
mod condition;
mod decimal;
mod error;
mod explanation;
mod facts;
mod field;
mod node;
mod pattern;
mod scalar;
mod suggestion;

use std::collections::BTreeSet;

use serde_json::Value;

pub(crate) use error::FilterError;
pub(crate) use explanation::Line;
pub(crate) use facts::Facts;

use condition::Condition;
use error::Place;
use explanation::lines;
use node::Node;

/// What is decided at once, so that a hundred of them hold nobody up: a pattern that is small beside a short text, or a
/// value in a list. In bytes of text times bytes of a compiled pattern, of which a nanosecond takes some.
const LIGHT: u64 = 256 * 1024;

/// What is asked of an event before it goes to a route.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Filter {
    root: Node,
    /// Whether it is light, whatever it is asked about.
    is_light: bool,
}

impl Filter {
    pub(crate) fn parse(json: &Value) -> Result<Self, FilterError> {
        let root = Node::parse(json, &Place::default())?;
        let is_light = root.sum(&Condition::most) <= LIGHT;
        Ok(Self { root, is_light })
    }

    /// The properties of the CRM record that its conditions ask for: without it those fields are missing.
    pub(crate) fn properties(&self) -> BTreeSet<String> {
        let mut properties = BTreeSet::new();
        self.root.properties(&mut properties);
        properties
    }

    pub(crate) fn decide(&self, facts: &Facts<'_>) -> bool {
        self.root.holds(facts)
    }

    /// Whether that takes so little that nobody waits for it.
    pub(crate) fn is_light(&self, facts: &Facts<'_>) -> bool {
        self.is_light || self.root.sum(&|condition| condition.cost(facts)) <= LIGHT
    }

    /// A line for each group and condition in the filter's order; the first is the whole, and its `held` is
    /// what [`decide`](Self::decide) says.
    pub(crate) fn explain(&self, facts: &Facts<'_>) -> Vec<Line> {
        lines(&self.root, facts)
    }
}

#[cfg(test)]
mod tests;
