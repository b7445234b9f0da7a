//! One condition: a field and what is asked of it. Refuses to know of other conditions.

use std::fmt;

use serde_json::{Map, Value};
use shared::harmless::cut;

use super::check::{Check, OPERATORS};
use super::error::{FilterError, Place};
use super::facts::Facts;
use super::field::Field;
use super::pattern::Pattern;

/// What is shown of a value.
const SHOWN: usize = 80;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    field: Field,
    check: Check,
    /// For people, on one line.
    text: String,
}

impl Condition {
    pub(crate) fn parse(json: &Map<String, Value>, place: &Place) -> Result<Self, FilterError> {
        let name = text(json, "field", place, "such as propertyName or object.amount")?;
        let field = Field::parse(name).map_err(|problem| place.key("field").refuse(problem))?;
        let operator = text(json, "operator", place, &OPERATORS.join(", "))?;
        let value = json.get("value");
        let check = Check::parse(operator, value, place)?;
        let mut shown = format!("{} {operator}", cut(name, SHOWN));
        if let Some(value) = value.filter(|value| !value.is_null()) {
            shown = format!("{shown} {}", cut(&value.to_string(), SHOWN));
        }
        Ok(Self { field, check, text: shown })
    }

    pub(crate) fn property(&self) -> Option<&str> {
        self.field.property()
    }

    pub(crate) fn pattern(&self) -> Option<&Pattern> {
        match &self.check {
            Check::Matches(pattern) => Some(pattern),
            _ => None,
        }
    }

    pub(crate) fn most(&self) -> u64 {
        self.check.most()
    }

    pub(crate) fn cost(&self, facts: &Facts<'_>) -> u64 {
        self.check.cost(self.field.find(facts))
    }

    pub(crate) fn holds(&self, facts: &Facts<'_>) -> bool {
        self.check.holds(self.field.find(facts))
    }

    /// What it looks at, as shortened JSON.
    pub(crate) fn found(&self, facts: &Facts<'_>) -> Option<String> {
        self.field.find(facts).map(|found| cut(&found.to_string(), SHOWN))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn text<'a>(
    json: &'a Map<String, Value>,
    key: &str,
    place: &Place,
    allowed: &str,
) -> Result<&'a str, FilterError> {
    match json.get(key) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(place.key(key).refuse(format!("must be text: {allowed}"))),
        None => Err(place.key(key).refuse(format!("missing: {allowed}"))),
    }
}
