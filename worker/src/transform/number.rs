//! The filters `number` and `money`: amounts as people read them.
//!
//! Owns rounding and the groups of digits. Refuses floating-point numbers: digits are what HubSpot sent.

use minijinja::{Error, Value};

use super::error::Words;
use super::scalar;
use crate::clients::money::Money;

const MAX_DECIMALS: usize = 20;

/// `record.amount|money(record.deal_currency_code)`: `€5,000.10`. What is no number is missing.
#[expect(clippy::needless_pass_by_value, reason = "the engine gives arguments so")]
pub(super) fn money(value: &Value, currency: Option<Value>) -> Value {
    let currency = currency.as_ref().and_then(scalar::text);
    let money = scalar::text(value).and_then(|text| Money::read(&text, currency.as_deref()));
    money.map_or(Value::UNDEFINED, |money| Value::from(money.to_string()))
}

/// `event.propertyValue|number(2)`: `1,234.50`; without an argument with the decimals that it has. What is
/// no number is missing.
pub(super) fn number(value: &Value, decimals: Option<usize>) -> Result<Value, Error> {
    if decimals.is_some_and(|decimals| decimals > MAX_DECIMALS) {
        return Err(Words("number() takes at most 20 decimals").into());
    }
    let number = scalar::text(value).and_then(|text| Money::read(&text, None));
    Ok(number.map_or(Value::UNDEFINED, |number| {
        let decimal = number.decimal();
        let rounded = decimals.map(|decimals| rounded(decimal, decimals));
        Value::from(grouped(rounded.as_deref().unwrap_or(decimal)))
    }))
}

/// Half is rounded away from nought, as people do.
fn rounded(decimal: &str, decimals: usize) -> String {
    let (sign, digits) = decimal.strip_prefix('-').map_or(("", decimal), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let kept: String = fraction.chars().chain(std::iter::repeat('0')).take(decimals).collect();
    let mut digits = format!("0{whole}{kept}").into_bytes();
    if fraction.as_bytes().get(decimals).is_some_and(|next| *next >= b'5') {
        for digit in digits.iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                break;
            }
            *digit = b'0';
        }
    }
    let mut digits: String = digits.into_iter().map(char::from).collect();
    let fraction = digits.split_off(digits.len() - decimals);
    let whole = Some(digits.trim_start_matches('0')).filter(|it| !it.is_empty()).unwrap_or("0");
    let is_nought = whole == "0" && fraction.bytes().all(|digit| digit == b'0');
    let sign = if is_nought { "" } else { sign };
    let point = if decimals == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

fn grouped(decimal: &str) -> String {
    let end = decimal.find('.').unwrap_or(decimal.len());
    let mut grouped = String::with_capacity(decimal.len() + end / 3);
    for (place, digit) in decimal.char_indices() {
        let after_digit = grouped.ends_with(|last: char| last.is_ascii_digit());
        if place < end && after_digit && (end - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn numbers_are_rounded_and_grouped_digit_by_digit() {
        for (value, decimals, shown) in [
            ("1234567.891", Some(2), "1,234,567.89"),
            ("1234567", None, "1,234,567"),
            ("999.995", Some(2), "1,000.00"),
            ("-0.004", Some(2), "0.00"),
            ("-999.5", Some(0), "-1,000"),
            ("12", Some(3), "12.000"),
            ("1.25E7", None, "12,500,000"),
            ("0.1234", None, "0.1234"),
            (
                "123456789012345678901234567890.5",
                Some(1),
                "123,456,789,012,345,678,901,234,567,890.5",
            ),
        ] {
            let given = number(&Value::from(value), decimals).unwrap();
            assert_eq!(given.as_str(), Some(shown), "{value}");
        }
        assert_eq!(number(&Value::from(1234), None).unwrap().as_str(), Some("1,234"));
        assert_eq!(number(&Value::from(2.5), Some(2)).unwrap().as_str(), Some("2.50"));
    }

    #[test]
    fn money_has_its_currencys_sign() {
        let shown = |value, currency: Option<&str>| money(&value, currency.map(Value::from));
        assert_eq!(shown(Value::from("5000.10"), Some("EUR")).as_str(), Some("€5,000.10"));
        assert_eq!(shown(Value::from(1200), Some("JPY")).as_str(), Some("¥1,200"));
        assert_eq!(shown(Value::from("7"), None).as_str(), Some("7"));
    }

    #[test]
    fn what_is_no_number_is_missing() {
        for odd in ["", "five", "1,000", "NaN", "1E99", "0x10"].map(Value::from) {
            assert!(number(&odd, Some(2)).unwrap().is_undefined(), "{odd}");
            assert!(money(&odd, None).is_undefined(), "{odd}");
        }
        for odd in
            [Value::UNDEFINED, Value::from(()), Value::from(true), Value::from(f64::INFINITY)]
        {
            assert!(number(&odd, None).unwrap().is_undefined(), "{odd}");
        }
        assert!(number(&Value::from(1), Some(21)).is_err());
    }
}
