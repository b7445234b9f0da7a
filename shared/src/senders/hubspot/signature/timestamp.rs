//! The time that a version 3 signature carries, and how far from now it may be.
//!
//! Owns the window. Refuses anything but plain digits, and to know what time it is.

use crate::senders::bad_signature::BadSignature;

/// How far a request's timestamp may lie from this machine's clock, either way: 5 minutes, as
/// HubSpot documents for the past.
pub const TOLERANCE_MS: i64 = 300_000;

/// Digits of milliseconds that are read: enough for 300,000 years, and never too many for `i64`.
const MAX_DIGITS: usize = 16;

/// Checks the header's text against the clock, in milliseconds since the Unix epoch, and gives it back.
pub(super) fn check(header: Option<&[u8]>, now_ms: i64) -> Result<&[u8], BadSignature> {
    let text = header.ok_or(BadSignature::TimestampMissing)?;
    if text.is_empty() || text.len() > MAX_DIGITS || !text.iter().all(u8::is_ascii_digit) {
        return Err(BadSignature::TimestampMalformed);
    }
    let timestamp = text.iter().fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let age_ms = now_ms.saturating_sub(timestamp);
    if age_ms > TOLERANCE_MS {
        Err(BadSignature::Expired)
    } else if age_ms < -TOLERANCE_MS {
        Err(BadSignature::InFuture)
    } else {
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_five_minutes_both_ways_and_includes_its_edges() {
        let now = 1_769_081_994_066;
        let at = |timestamp: i64| check(Some(timestamp.to_string().as_bytes()), now).map(drop);
        assert_eq!(at(now), Ok(()));
        assert_eq!(at(now - 300_000), Ok(()));
        assert_eq!(at(now - 300_001), Err(BadSignature::Expired));
        assert_eq!(at(now + 300_000), Ok(()));
        assert_eq!(at(now + 300_001), Err(BadSignature::InFuture));
    }

    #[test]
    fn only_a_whole_number_is_a_timestamp() {
        for text in ["", " 1", "1 ", "+1", "-1", "1.0", "1e3", "0x1", "١", "12345678901234567"] {
            assert_eq!(
                check(Some(text.as_bytes()), 1),
                Err(BadSignature::TimestampMalformed),
                "{text}"
            );
        }
        assert_eq!(check(Some(b"\xff"), 1), Err(BadSignature::TimestampMalformed));
        assert_eq!(check(None, 1), Err(BadSignature::TimestampMissing));
    }

    #[test]
    fn the_ends_of_the_number_range_do_not_overflow() {
        let far = Some(&b"9999999999999999"[..]);
        assert_eq!(check(far, i64::MIN), Err(BadSignature::InFuture));
        assert_eq!(check(far, i64::MAX), Err(BadSignature::Expired));
        assert_eq!(check(Some(b"0"), i64::MAX), Err(BadSignature::Expired));
    }
}
