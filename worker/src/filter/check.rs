//! What a condition asks of a value: an operator with what it compares to. Refuses to know where the value is.

use serde_json::Value;

use super::decimal::Decimal;
use super::error::{FilterError, Place};
use super::pattern::Pattern;
use super::scalar::Scalar;
use super::suggestion::unknown;

const MAX_VALUES: usize = 1000;
/// What it costs to compare two values, beside a pattern: as much as a byte of text with 256 bytes compiled.
const COMPARE: u64 = 256;
/// The same of a byte that is looked through for a text.
const LOOK: u64 = 4;
const MAX_TEXT_BYTES: usize = 4096;

pub(crate) const OPERATORS: [&str; 12] = [
    "equals",
    "not_equals",
    "in",
    "not_in",
    "starts_with",
    "ends_with",
    "contains",
    "exists",
    "not_exists",
    "greater_than",
    "less_than",
    "matches",
];

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Check {
    Equals(Scalar<'static>),
    NotEquals(Scalar<'static>),
    In(Vec<Scalar<'static>>),
    NotIn(Vec<Scalar<'static>>),
    StartsWith(Scalar<'static>),
    EndsWith(Scalar<'static>),
    Contains(Scalar<'static>),
    Exists,
    NotExists,
    GreaterThan(Decimal),
    LessThan(Decimal),
    Matches(Pattern),
}

impl Check {
    /// `condition` is the place of both.
    pub(crate) fn parse(
        operator: &str,
        value: Option<&Value>,
        condition: &Place,
    ) -> Result<Self, FilterError> {
        let place = condition.key("value");
        Ok(match operator {
            "equals" => Self::Equals(scalar(value, &place)?),
            "not_equals" => Self::NotEquals(scalar(value, &place)?),
            "in" => Self::In(list(value, &place)?),
            "not_in" => Self::NotIn(list(value, &place)?),
            "starts_with" => Self::StartsWith(scalar(value, &place)?),
            "ends_with" => Self::EndsWith(scalar(value, &place)?),
            "contains" => Self::Contains(scalar(value, &place)?),
            "exists" => nothing(value, &place).map(|()| Self::Exists)?,
            "not_exists" => nothing(value, &place).map(|()| Self::NotExists)?,
            "greater_than" => Self::GreaterThan(rank(value, &place)?),
            "less_than" => Self::LessThan(rank(value, &place)?),
            "matches" => Self::Matches(pattern(value, &place)?),
            other => return Err(condition.key("operator").refuse(unknown(other, &OPERATORS))),
        })
    }

    /// What it costs at the most, whatever it is asked about; see [`Self::cost`].
    pub(crate) fn most(&self) -> u64 {
        match self {
            Self::In(values) | Self::NotIn(values) => COMPARE * values.len() as u64,
            // Of an array as many as there are.
            Self::Contains(_) => u64::MAX,
            Self::Matches(pattern) => pattern.most(),
            _ => COMPARE,
        }
    }

    /// What it costs at the most to ask this of what was found, as [`Pattern::cost`] has it.
    pub(crate) fn cost(&self, found: Option<&Value>) -> u64 {
        let text = |value| Scalar::of(value).map_or(0, |found| found.text().len());
        match (self, found) {
            (_, None) => 0,
            (Self::Contains(_), Some(Value::Array(elements))) => COMPARE * elements.len() as u64,
            (Self::Contains(_), Some(value)) => COMPARE + LOOK * text(value) as u64,
            (Self::Matches(pattern), Some(value)) => pattern.cost(text(value)),
            (check, Some(_)) => check.most(),
        }
    }

    /// `found` is None where the field is missing or null.
    pub(crate) fn holds(&self, found: Option<&Value>) -> bool {
        let Some(found) = found else {
            return matches!(self, Self::NotEquals(_) | Self::NotIn(_) | Self::NotExists);
        };
        let is = |value: &Scalar<'_>| Scalar::of(found).is_some_and(|found| found.equals(value));
        let text_is = |holds: &dyn Fn(&str) -> bool| {
            Scalar::of(found).is_some_and(|found| holds(found.text()))
        };
        let rank = || Scalar::of(found)?.rank();
        match self {
            Self::Equals(value) => is(value),
            Self::NotEquals(value) => !is(value),
            Self::In(values) => is_in(found, values),
            Self::NotIn(values) => !is_in(found, values),
            Self::StartsWith(value) => text_is(&|text| text.starts_with(value.text())),
            Self::EndsWith(value) => text_is(&|text| text.ends_with(value.text())),
            Self::Contains(value) => match found {
                Value::Array(elements) => {
                    elements.iter().any(|one| Scalar::of(one).is_some_and(|one| one.equals(value)))
                }
                _ => text_is(&|text| text.contains(value.text())),
            },
            Self::Exists => true,
            Self::NotExists => false,
            Self::GreaterThan(limit) => rank().is_some_and(|found| found > *limit),
            Self::LessThan(limit) => rank().is_some_and(|found| found < *limit),
            Self::Matches(pattern) => text_is(&|text| pattern.matches(text)),
        }
    }
}

fn is_in(found: &Value, values: &[Scalar<'_>]) -> bool {
    Scalar::of(found).is_some_and(|found| values.iter().any(|value| found.equals(value)))
}

fn scalar(value: Option<&Value>, place: &Place) -> Result<Scalar<'static>, FilterError> {
    let scalar = match value {
        None => return Err(place.refuse("missing: text, a number, true or false")),
        Some(Value::Null) => {
            return Err(place.refuse("null is a missing field: ask with exists or not_exists"));
        }
        Some(value) => Scalar::of(value),
    };
    let scalar = scalar.ok_or_else(|| place.refuse("must be text, a number, true or false"))?;
    if scalar.text().len() > MAX_TEXT_BYTES {
        return Err(place.refuse(format!("longer than {MAX_TEXT_BYTES} bytes")));
    }
    Ok(scalar.into_owned())
}

fn list(value: Option<&Value>, place: &Place) -> Result<Vec<Scalar<'static>>, FilterError> {
    let Some(Value::Array(values)) = value else {
        return Err(place.refuse("must be a list: [\"a\", \"b\"]"));
    };
    if values.is_empty() || values.len() > MAX_VALUES {
        return Err(place.refuse(format!("must have 1 to {MAX_VALUES} values")));
    }
    values.iter().enumerate().map(|(at, value)| scalar(Some(value), &place.item(at))).collect()
}

fn nothing(value: Option<&Value>, place: &Place) -> Result<(), FilterError> {
    match value {
        None | Some(Value::Null) => Ok(()),
        Some(_) => Err(place.refuse("must not be there: exists and not_exists take none")),
    }
}

fn rank(value: Option<&Value>, place: &Place) -> Result<Decimal, FilterError> {
    scalar(value, place)?.rank().ok_or_else(|| {
        place.refuse("must be a number, a day (2026-11-21) or a time (2026-11-21T09:30:00Z)")
    })
}

fn pattern(value: Option<&Value>, place: &Place) -> Result<Pattern, FilterError> {
    let Some(Value::String(text)) = value else {
        return Err(place.refuse("must be text, a regular expression"));
    };
    Pattern::parse(text).map_err(|problem| place.refuse(problem))
}
