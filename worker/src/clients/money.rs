//! An amount of money, for programs and for people.
//!
//! Owns how both are written: decimal text and a code for programs, symbol and groups of digits for
//! people. It refuses to calculate: money is no floating-point number.

/// Currencies with a sign of their own, as English texts write them; of all others the code stands
/// before the amount. Source: Unicode CLDR, locale `en`.
const SYMBOLS: [(&str, &str); 19] = [
    ("USD", "$"),
    ("EUR", "€"),
    ("GBP", "£"),
    ("JPY", "¥"),
    ("AUD", "A$"),
    ("BRL", "R$"),
    ("CAD", "CA$"),
    ("CNY", "CN¥"),
    ("HKD", "HK$"),
    ("ILS", "₪"),
    ("INR", "₹"),
    ("KRW", "₩"),
    ("MXN", "MX$"),
    ("NZD", "NZ$"),
    ("PHP", "₱"),
    ("TWD", "NT$"),
    ("VND", "₫"),
    ("XAF", "FCFA "),
    ("XOF", "F CFA "),
];

/// The longest exponent that is written out; no amount of money has a longer one.
const MAX_EXPONENT: usize = 30;

/// An amount and its currency, if that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money {
    /// `5000.10`, `-3`: digits, at most one point, no exponent.
    decimal: String,
    /// `EUR`.
    currency: Option<String>,
}

impl Money {
    /// Reads what HubSpot has as an amount and a currency's code; `None` if the amount is no number.
    pub fn read(amount: &str, currency: Option<&str>) -> Option<Self> {
        let is_code =
            |code: &&str| code.len() == 3 && code.bytes().all(|c| c.is_ascii_alphabetic());
        let currency = currency.map(str::trim).filter(is_code).map(str::to_ascii_uppercase);
        Some(Self { decimal: decimal(amount.trim())?, currency })
    }

    /// For programs: `5000.10`, as HubSpot has it but without an exponent.
    pub fn decimal(&self) -> &str {
        &self.decimal
    }

    /// For programs: `EUR`.
    pub fn currency(&self) -> Option<&str> {
        self.currency.as_deref()
    }
}

/// For people: `€5,000.10`, `CHF 5,000`; without a currency `5,000.10`.
impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (sign, amount) = match self.decimal.strip_prefix('-') {
            Some(amount) => ("-", amount),
            None => ("", &*self.decimal),
        };
        let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
        f.write_str(sign)?;
        if let Some(code) = &self.currency {
            match SYMBOLS.iter().find(|(known, _)| known == code) {
                Some((_, symbol)) => f.write_str(symbol)?,
                None => write!(f, "{code} ")?,
            }
        }
        for (place, digit) in whole.char_indices() {
            if place > 0 && (whole.len() - place).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        match fraction.len() {
            0 => Ok(()),
            // HubSpot leaves trailing zeros away, and nobody reads $5.1 as money.
            1 => write!(f, ".{fraction}0"),
            _ => write!(f, ".{fraction}"),
        }
    }
}

/// A number without its exponent: HubSpot gives large ones as `1.25E7`.
fn decimal(text: &str) -> Option<String> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let shift = usize::try_from(exponent.unsigned_abs()).ok().filter(|it| *it <= MAX_EXPONENT)?;
    let mut point = whole.len();
    if exponent < 0 {
        digits.insert_str(0, &"0".repeat(shift));
    } else {
        digits.push_str(&"0".repeat(shift.saturating_sub(fraction.len())));
        point += shift;
    }
    let (whole, fraction) = digits.split_at(point);
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let fraction = if exponent == 0 { fraction } else { fraction.trim_end_matches('0') };
    Some(match fraction {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn people_read_a_symbol_and_groups() {
        for (amount, currency, shown) in [
            ("5000.10", Some("USD"), "$5,000.10"),
            ("12500", Some("eur"), "€12,500"),
            ("1234567.5", Some("GBP"), "£1,234,567.50"),
            ("1200", Some("JPY"), "¥1,200"),
            ("999", Some("CHF"), "CHF 999"),
            ("-3000", Some("CAD"), "-CA$3,000"),
            ("100000", None, "100,000"),
            ("0.5", Some("EURO"), "0.50"),
        ] {
            let money = Money::read(amount, currency).unwrap();
            assert_eq!(money.to_string(), shown);
        }
    }

    #[test]
    fn programs_get_decimal_text_and_a_code() {
        for (amount, decimal) in [
            ("5000.10", "5000.10"),
            (" 7 ", "7"),
            ("1.25E7", "12500000"),
            ("1.2345e2", "123.45"),
            ("1.0E-2", "0.01"),
            ("-12.5E0", "-12.5"),
            (".5", "0.5"),
            ("007.", "7"),
        ] {
            assert_eq!(Money::read(amount, Some("USD")).unwrap().decimal(), decimal, "{amount}");
        }
        let money = Money::read("1", Some(" usd ")).unwrap();
        assert_eq!(money.currency(), Some("USD"));
        assert_eq!(Money::read("1", Some("")).unwrap().currency(), None);
    }

    #[test]
    fn what_is_no_number_is_no_money() {
        for odd in ["", ".", "-", "five", "1,000", "1.2.3", "1E", "1E99", "NaN", "1e-99", "٣"] {
            assert_eq!(Money::read(odd, None), None, "{odd}");
        }
    }
}
