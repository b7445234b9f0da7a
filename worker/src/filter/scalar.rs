//! One text, number or boolean, of a filter or of an event: when two are equal, and which is greater.
//! Refuses arrays and objects.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

use super::decimal::Decimal;

/// From `2026-11-21` to a time with nanoseconds and an offset.
const TIME_BYTES: std::ops::RangeInclusive<usize> = 10..=40;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scalar<'a> {
    is_number: bool,
    text: Cow<'a, str>,
    decimal: Option<Decimal>,
}

impl<'a> Scalar<'a> {
    pub(crate) fn of(value: &'a Value) -> Option<Self> {
        let text = match value {
            Value::String(text) => Cow::Borrowed(text.as_str()),
            Value::Number(number) => Cow::Owned(number.to_string()),
            Value::Bool(held) => Cow::Borrowed(if *held { "true" } else { "false" }),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        Some(Self { is_number: value.is_number(), decimal: Decimal::parse(&text), text })
    }

    pub(crate) fn into_owned(self) -> Scalar<'static> {
        let Self { is_number, text, decimal } = self;
        Scalar { is_number, text: Cow::Owned(text.into_owned()), decimal }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn equals(&self, other: &Scalar<'_>) -> bool {
        let same_number = || self.decimal.is_some() && self.decimal == other.decimal;
        self.text == other.text || (self.is_number || other.is_number) && same_number()
    }

    /// What it is ordered by: the number, or the time as ms since the epoch, which stand beside a time.
    pub(crate) fn rank(&self) -> Option<Decimal> {
        self.decimal.clone().or_else(|| epoch_ms(&self.text))
    }
}

fn epoch_ms(text: &str) -> Option<Decimal> {
    let looks_so = TIME_BYTES.contains(&text.len()) && text.as_bytes().get(4) == Some(&b'-');
    let time: Timestamp = match text.len() {
        _ if !looks_so => return None,
        10 => format!("{text}T00:00:00Z").parse().ok()?,
        _ => text.parse().ok()?,
    };
    Decimal::parse(&format!("{}e-6", time.as_nanosecond()))
}
