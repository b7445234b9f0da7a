//! What HubSpot's answers say of its limits: `X-HubSpot-RateLimit-*`, on ordinary calls
//! (developers.hubspot.com, API usage guidelines). Nonsense is as good as nothing.

use std::time::Duration;

use reqwest::header::HeaderMap;

/// Windows that are believed.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_mins(10);

/// What one answer says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rate {
    /// So many requests in so long.
    pub(crate) burst: Option<(u32, Duration)>,
    /// How many are left of the day's.
    pub(crate) left_today: Option<u32>,
}

pub(super) fn of(headers: &HeaderMap) -> Rate {
    let number =
        |name: &str| -> Option<u32> { headers.get(name)?.to_str().ok()?.trim().parse().ok() };
    let max = number("x-hubspot-ratelimit-max").filter(|max| *max > 0);
    let interval = number("x-hubspot-ratelimit-interval-milliseconds");
    let interval = interval.map(|ms| Duration::from_millis(ms.into()));
    let interval = interval.filter(|interval| (SHORTEST..=LONGEST).contains(interval));
    Rate { burst: max.zip(interval), left_today: number("x-hubspot-ratelimit-daily-remaining") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use reqwest::header::HeaderName;

    use super::*;

    fn said(max: &str, interval: &str, left: &str) -> Rate {
        let pairs = [("max", max), ("interval-milliseconds", interval), ("daily-remaining", left)];
        let name = |name| HeaderName::try_from(format!("x-hubspot-ratelimit-{name}")).unwrap();
        let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        of(&pairs.map(|(key, value)| (name(key), value.parse().unwrap())).collect())
    }

    #[test]
    fn what_is_said_is_believed_where_it_makes_sense() {
        let burst = Some((110, Duration::from_secs(10)));
        assert_eq!(said("110", "10000", "249000"), Rate { burst, left_today: Some(249_000) });
        for (max, interval) in [
            ("", ""),
            ("110", ""),
            ("", "10000"),
            ("0", "10000"),
            ("-1", "10000"),
            ("110", "0"),
            ("110", "soon"),
            ("110", "86400000"),
        ] {
            assert_eq!(said(max, interval, "-7"), Rate::default(), "{max} in {interval}");
        }
    }
}
