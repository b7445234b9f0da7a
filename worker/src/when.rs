//! Times as people write them, on a command line and in a form, and as they read them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use shared::clock::now_ms;
use shared::settings::parse_duration;

/// Reads `2h` (so long ago), `2026-11-21` or `2026-11-21T09:30:00Z`; gives ms since the epoch.
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    if let Ok(ago) = parse_duration(text) {
        return Ok(now_ms().saturating_sub(millis(ago)));
    }
    let full = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let time = humantime::parse_rfc3339_weak(&full)
        .map_err(|_| "write 2h (so long ago), 2026-11-21 or 2026-11-21T09:30:00Z".to_owned())?;
    Ok(millis(time.duration_since(UNIX_EPOCH).unwrap_or_default()))
}

/// `2026-11-21 09:30:00`, in UTC.
pub(crate) fn show(ms: i64) -> String {
    match time(ms) {
        None => format!("{ms} ms"),
        Some(time) => {
            humantime::format_rfc3339_seconds(time).to_string().replace('T', " ").replace('Z', "")
        }
    }
}

/// `2026-11-21T09:30:00.123Z`, which [`parse`] reads again.
pub(crate) fn exact(ms: i64) -> String {
    let time = time(ms).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_millis(time).to_string()
}

/// How long ago it was or how soon it will be, in words: `5 min ago`, `in 3 days`.
pub(crate) fn relative(ms: i64, now_ms: i64) -> String {
    let distance = now_ms.saturating_sub(ms);
    let words = rough(distance.saturating_abs());
    match distance {
        -999..=999 => "now".to_owned(),
        1000.. => format!("{words} ago"),
        _ => format!("in {words}"),
    }
}

/// A time span in its largest unit: `40 s`, `5 min`, `3 h`, `12 days`.
pub(crate) fn rough(ms: i64) -> String {
    let seconds = ms / 1000;
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// None for years that no calendar here has, which make the formatting panic.
fn time(ms: i64) -> Option<SystemTime> {
    let time = UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or_default());
    let latest = SystemTime::now() + Duration::from_secs(100 * 365 * 24 * 3600);
    (time <= latest).then_some(time)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        assert_eq!(parse("2026-11-21T09:30:00Z"), Ok(1_795_253_400_000));
        assert_eq!(parse("2026-11-21"), Ok(1_795_219_200_000));
        let ago = now_ms() - parse("2h").unwrap_or_default();
        assert!((7_199_000..7_201_000).contains(&ago), "{ago}");
        assert!(parse("yesterday").is_err());
    }

    #[test]
    fn times_are_shown_in_utc_whatever_they_are() {
        assert_eq!(show(1_795_253_400_000), "2026-11-21 09:30:00");
        assert_eq!(show(i64::MAX), format!("{} ms", i64::MAX));
        assert_eq!(show(-5), "1970-01-01 00:00:00");
        assert_eq!(parse(&exact(1_795_253_400_123)), Ok(1_795_253_400_123));
        assert_eq!(exact(i64::MAX), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn how_long_ago_is_told_in_words() {
        let now = 1_795_253_400_000;
        for (ms, words) in [
            (now, "now"),
            (now - 40_000, "40 s ago"),
            (now - 61_000, "1 min ago"),
            (now - 7_200_000, "2 h ago"),
            (now + 3 * 86_400_000, "in 3 days"),
            (i64::MIN, "106751991167 days ago"),
        ] {
            assert_eq!(relative(ms, now), words);
        }
    }
}
