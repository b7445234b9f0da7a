//! The filter `time`: what HubSpot has as a time, as others read it.
//!
//! Owns what is taken for a time: milliseconds since the epoch as number or text, RFC 3339, and a date, which
//! is its midnight. Knows UTC only, and refuses to know what time it is now.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use minijinja::{Error, Value};

use super::error::Words;
use super::scalar;

const MAX_FORMAT_BYTES: usize = 200;

/// `event.occurredAt|time`: `2026-01-22T11:39:53.375Z`; `time("%d.%m.%Y %H:%M:%S")` for people. What is no
/// time is missing.
pub(super) fn time(value: &Value, format: Option<&str>) -> Result<Value, Error> {
    let time = scalar::text(value).and_then(|text| read(&text));
    let Some(format) = format else {
        return Ok(time.map_or(Value::UNDEFINED, |time| Value::from(format!("{time:.3}"))));
    };
    // Looked at even if there is no time, so that a wrong one does not wait for the first that has.
    let shown = show(Offset::UTC.to_datetime(time.unwrap_or_default()), format)?;
    Ok(if time.is_some() { Value::from(shown) } else { Value::UNDEFINED })
}

fn read(text: &str) -> Option<Timestamp> {
    if let Ok(ms) = text.parse() {
        return Timestamp::from_millisecond(ms).ok();
    }
    match text.len() {
        10 => Some(text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp()),
        _ => text.parse().ok(),
    }
}

fn show(time: DateTime, format: &str) -> Result<String, Error> {
    if format.len() > MAX_FORMAT_BYTES {
        return Err(Words("a format of time() has at most 200 bytes").into());
    }
    let mut shown = String::new();
    let mut signs = format.chars();
    while let Some(sign) = signs.next() {
        if sign != '%' {
            shown.push(sign);
            continue;
        }
        match signs.next() {
            Some('Y') => write!(shown, "{:04}", time.year())?,
            Some('m') => write!(shown, "{:02}", time.month())?,
            Some('d') => write!(shown, "{:02}", time.day())?,
            Some('H') => write!(shown, "{:02}", time.hour())?,
            Some('M') => write!(shown, "{:02}", time.minute())?,
            Some('S') => write!(shown, "{:02}", time.second())?,
            Some('%') => shown.push('%'),
            _ => return Err(Words("time() knows %Y, %m, %d, %H, %M, %S and %%").into()),
        }
    }
    Ok(shown)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn a_time_is_read_however_hubspot_has_it() {
        let exact = "2026-01-22T11:39:53.375Z";
        for value in [
            Value::from(1_769_081_993_375_u64),
            Value::from("1769081993375"),
            Value::from(" 1769081993375 "),
            Value::from(exact),
            Value::from("2026-01-22T12:39:53.375+01:00"),
        ] {
            assert_eq!(time(&value, None).unwrap().as_str(), Some(exact), "{value}");
        }
        let day = time(&Value::from("2026-01-22"), None).unwrap();
        assert_eq!(day.as_str(), Some("2026-01-22T00:00:00.000Z"));
        let early = time(&Value::from(-1), None).unwrap();
        assert_eq!(early.as_str(), Some("1969-12-31T23:59:59.999Z"));
    }

    #[test]
    fn a_format_has_a_few_directives() {
        let shown = |format: &str| time(&Value::from(1_769_081_993_375_u64), Some(format));
        assert_eq!(shown("%d.%m.%Y, %H:%M:%S").unwrap().as_str(), Some("22.01.2026, 11:39:53"));
        assert_eq!(shown("100 %% 日").unwrap().as_str(), Some("100 % 日"));
        for odd in ["%", "%q", "%010Y", "%-d"] {
            assert!(shown(odd).is_err(), "{odd}");
        }
        assert!(shown(&"-".repeat(201)).is_err());
    }

    #[test]
    fn what_is_no_time_is_missing() {
        for odd in
            ["", "soon", "2026-13-01", "99999999999999999999", "9223372036854775807", "aaaaaaaaaa"]
        {
            assert!(time(&Value::from(odd), None).unwrap().is_undefined(), "{odd}");
        }
        for odd in [Value::UNDEFINED, Value::from(()), Value::from(true), Value::from(1e300)] {
            assert!(time(&odd, Some("%Y")).unwrap().is_undefined(), "{odd}");
        }
    }
}
