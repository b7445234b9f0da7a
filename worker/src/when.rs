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
    let time = UNIX_EPOCH + Duration::from_millis(u64::try_from(ms).unwrap_or_default());
    // Years that no calendar here has make it panic.
    if time > SystemTime::now() + Duration::from_secs(100 * 365 * 24 * 3600) {
        return format!("{ms} ms");
    }
    humantime::format_rfc3339_seconds(time).to_string().replace('T', " ").replace('Z', "")
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
    }
}
