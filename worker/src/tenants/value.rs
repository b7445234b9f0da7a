//! A value of the file: of which kind it is, and what it may be.
//!
//! A fault here does not repeat the value.

use std::fmt::Display;
use std::ops::RangeInclusive;

use toml::de::DeValue;

use crate::suggestion::did_you_mean;

/// The kind, in words.
pub(crate) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A text.
pub(crate) fn text<'t>(value: &'t DeValue<'_>) -> Result<&'t str, String> {
    value.as_str().ok_or_else(|| format!("must be a text in quotes, not {}", kind(value)))
}

/// A whole number in `range`.
pub(crate) fn number<T>(value: &DeValue<'_>, range: &RangeInclusive<T>) -> Result<T, String>
where
    T: Display + PartialOrd + TryFrom<i64>,
{
    let must = || format!("must be a whole number from {} to {}", range.start(), range.end());
    let integer = value.as_integer().ok_or_else(|| match value {
        DeValue::Float(_) => must(),
        other => format!("{}, not {}", must(), kind(other)),
    })?;
    let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
    let number = number.and_then(|number| T::try_from(number).ok());
    number.filter(|number| range.contains(number)).ok_or_else(must)
}

/// One of a few words.
pub(crate) fn choice<T: Clone>(
    value: &DeValue<'_>,
    choices: &[(&'static str, T)],
) -> Result<T, String> {
    let word = text(value)?;
    let chosen = choices.iter().find(|(choice, _)| *choice == word);
    chosen.map(|(_, chosen)| chosen.clone()).ok_or_else(|| {
        let mut words: Vec<_> = choices.iter().map(|(choice, _)| format!("\"{choice}\"")).collect();
        let last = words.pop().unwrap_or_default();
        let meant = did_you_mean(word, choices.iter().map(|(choice, _)| *choice));
        format!("must be {} or {last}{}", words.join(", "), meant.unwrap_or_default())
    })
}
