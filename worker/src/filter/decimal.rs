//! A decimal number of any size, without a float's loss. Refuses to calculate: it is compared.

use std::cmp::Ordering;

/// A longer text is no number to anybody.
const MAX_BYTES: usize = 100;

/// `0.d₁d₂d₃… × 10^point`, without zeros at either end of the digits: of equal numbers all fields are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    point: i64,
    digits: String,
}

impl Decimal {
    /// Reads what JSON has as a number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let (negative, size) = text.strip_prefix('-').map_or((false, text), |size| (true, size));
        let (mantissa, exponent) = match size.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (size, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let is_number = |byte: u8| byte.is_ascii_digit();
        let leads_with_zero = whole.len() > 1 && whole.starts_with('0');
        if whole.is_empty()
            || leads_with_zero
            || !(whole.bytes().chain(fraction.bytes())).all(is_number)
        {
            return None;
        }
        let all = format!("{whole}{fraction}");
        let digits = all.trim_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { negative: false, point: 0, digits });
        }
        let zeros = all.len() - all.trim_start_matches('0').len();
        let point =
            i64::from(exponent) + i64::try_from(whole.len()).ok()? - i64::try_from(zeros).ok()?;
        Some(Self { negative, point, digits })
    }

    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        // Digits behind the point are in the order of their text.
        let size = self.point.cmp(&other.point).then_with(|| self.digits.cmp(&other.digits));
        let size = if self.negative { size.reverse() } else { size };
        self.sign().cmp(&other.sign()).then(size)
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn numbers_are_in_their_order_however_they_are_written() {
        let in_order: [&[&str]; 13] = [
            &["-1e400"],
            &["-12.5", "-1.25e1", "-125E-1"],
            &["-12"],
            &["-0.001", "-1e-3"],
            &["0", "-0", "0.0", "0e9", "-0.000"],
            &["1e-400"],
            &["0.09"],
            &["0.1", "0.10", "1E-1"],
            &["0.1000000000000000055"],
            &["100", "1e2", "100.0", "1.0E+2"],
            &["10000000", "1.0E7"],
            &["9007199254740992"],
            &["9007199254740993"],
        ];
        let decimals = in_order.map(|same| decimal(same[0]));
        assert!(decimals.is_sorted_by(|one, next| one < next), "{decimals:?}");
        for same in in_order {
            assert!(same.iter().all(|text| decimal(text) == decimal(same[0])), "{same:?}");
        }
    }

    #[test]
    fn text_that_json_has_as_no_number_is_none() {
        for text in [
            "",
            "-",
            "+1",
            "--1",
            "007",
            "-01",
            "1.",
            ".5",
            "1e",
            "e1",
            "1e1.5",
            "1e99999999999",
            "1,5",
            " 1",
            "1 ",
            "0x1",
            "NaN",
            "inf",
            "١",
            "1_000",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
        assert!(Decimal::parse(&"1".repeat(100)).is_some());
        assert!(Decimal::parse(&"1".repeat(101)).is_none());
    }
}
