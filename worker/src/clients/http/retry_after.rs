//! How long another system asks to be left alone: the `Retry-After` header, in seconds or as a
//! date (RFC 9110, section 10.2.3).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// The longest wait that is believed. HubSpot asks for up to this while it moves an account.
const MAX: Duration = Duration::from_hours(24);

/// The wait, if one is asked for that is neither nothing nor nonsense.
pub(in crate::clients) fn of(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        // More than fits is more than the most.
        Err(_) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => MAX,
        Err(_) => date(text)?.duration_since(now).ok()?,
    };
    (!wait.is_zero()).then_some(wait.min(MAX))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that senders may use today.
fn date(text: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const BEFORE_MONTH: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let [_, day, month, year, time, "GMT"] = text.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let number = |text: &str, below: u64| text.parse::<u64>().ok().filter(|number| *number < below);
    let (day, year) = (number(day, 32)?, number(year, 10_000)?.checked_sub(1970)? + 1970);
    let month = MONTHS.iter().position(|name| *name == month)?;
    let [hour, minute, second] = time.split(':').collect::<Vec<_>>()[..] else { return None };
    let seconds = number(hour, 24)? * 3600 + number(minute, 60)? * 60 + number(second, 61)?;
    let leap_days_until = |year: u64| year / 4 - year / 100 + year / 400;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = (year - 1970) * 365 + leap_days_until(year - 1) - leap_days_until(1969)
        + BEFORE_MONTH[month]
        + u64::from(leap && month > 1)
        + day.checked_sub(1)?;
    Some(UNIX_EPOCH + Duration::from_secs(days * 24 * 3600 + seconds))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    fn wait(text: &str, now: u64) -> Option<u64> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
        of(&headers, UNIX_EPOCH + Duration::from_secs(now)).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_are_taken_up_to_a_day() {
        assert_eq!(wait("30", 0), Some(30));
        assert_eq!(wait("99999999", 0), Some(86_400));
        assert_eq!(wait("0", 0), None);
    }

    #[test]
    fn a_date_is_counted_from_now() {
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777 - 5), Some(5));
        assert_eq!(wait("Thu, 29 Feb 2024 00:00:00 GMT", 1_709_164_800 - 60), Some(60));
        assert_eq!(wait("Fri, 01 Mar 2024 00:00:00 GMT", 1_709_251_200 - 60), Some(60));
        assert_eq!(wait("Wed, 31 Dec 2025 23:59:59 GMT", 1_767_225_599 - 1), Some(1));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), None);
    }

    #[test]
    fn nonsense_is_no_wait() {
        for odd in [
            "",
            "-1",
            "1.5",
            "soon",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 0001 08:49:37 GMT",
        ] {
            assert_eq!(wait(odd, 0), None, "{odd}");
        }
    }
}
