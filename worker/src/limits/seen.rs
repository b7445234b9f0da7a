//! A limit as people see it: how much of it is used, who waits, and when nobody will any more.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::remote;

/// What both engines tell of a limit or a service, in this order: used, size, window, live runs and bulk
/// runs that wait, for how long the oldest has, until when the last comes, for how long nobody is let
/// through, and the breaker.
pub(crate) type Sight = [i64; 9];

/// Asks a process for the limits that it sees: `/limits` on its admin listener.
pub(crate) async fn ask(admin: SocketAddr) -> anyhow::Result<Vec<Seen>> {
    remote::ask(admin, "/limits").await
}

/// A breaker's state as a number, as it is measured too.
pub(crate) const CLOSED: i64 = 0;
pub(crate) const HALF_OPEN: i64 = 1;
pub(crate) const OPEN: i64 = 2;
/// What has no breaker.
pub(crate) const NONE: i64 = -1;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// Requests in a window.
    Requests,
    /// Calls under way at once.
    Calls,
}

impl Of {
    /// As metrics and Redis call it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Calls => "calls",
        }
    }
}

/// Whether a service is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// It is.
    Closed,
    /// By one run, to see whether it is back.
    HalfOpen,
    /// By nobody.
    Open,
}

/// One limit at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its key: `hubspot/62515`, `slack/#sales-wins`, `erp`.
    pub limit: String,
    /// What is counted.
    pub of: Of,
    /// How many are counted now.
    pub used: u64,
    /// How many there may be; `None` if only what the other side asks for holds back.
    pub size: Option<u64>,
    /// In so long; `None` of calls.
    pub window_ms: Option<u64>,
    /// Live runs that wait, about.
    pub waiting_live: u64,
    /// Runs of replays and bulk retries that do, about.
    pub waiting_bulk: u64,
    /// For how long whoever waits longest has; 0 if nobody waits.
    pub oldest_ms: u64,
    /// When the last one's turn comes, from now on; 0 if nobody waits.
    pub drained_ms: u64,
    /// For how long nobody is let through, from now on.
    pub held_ms: u64,
    /// `None` of requests.
    pub breaker: Option<BreakerState>,
}

impl Seen {
    pub(crate) fn new(of: Of, limit: &str, sight: Sight) -> Self {
        let [used, size, window, live, bulk, oldest, drained, held, breaker] = sight;
        let whole = |number: i64| u64::try_from(number).unwrap_or_default();
        let some = |number: i64| Some(whole(number)).filter(|number| *number > 0);
        Self {
            limit: limit.to_owned(),
            of,
            used: whole(used),
            size: some(size),
            window_ms: some(window).filter(|_| size > 0),
            waiting_live: whole(live),
            waiting_bulk: whole(bulk),
            oldest_ms: whole(oldest),
            drained_ms: whole(drained),
            held_ms: whole(held),
            breaker: match breaker {
                CLOSED => Some(BreakerState::Closed),
                HALF_OPEN => Some(BreakerState::HalfOpen),
                OPEN => Some(BreakerState::Open),
                _ => None,
            },
        }
    }

    /// What is counted, in words: `requests in 10.2 s`.
    pub(crate) fn what(&self) -> String {
        match (self.of, self.window_ms) {
            (Of::Calls, _) => "calls at once".to_owned(),
            (Of::Requests, Some(ms)) => {
                let (seconds, tenths) = (ms / 1000, ms % 1000 / 100);
                match tenths {
                    0 => format!("requests in {seconds} s"),
                    _ => format!("requests in {seconds}.{tenths} s"),
                }
            }
            (Of::Requests, None) => "requests".to_owned(),
        }
    }

    /// `37 of 100`.
    pub(crate) fn usage(&self) -> String {
        match self.size {
            Some(size) => format!("{} of {size}", self.used),
            None => "no limit".to_owned(),
        }
    }

    /// The breaker in a word; nothing where there is none.
    pub(crate) fn breaker_word(&self) -> &'static str {
        match self.breaker {
            None => "",
            Some(BreakerState::Closed) => "closed",
            Some(BreakerState::HalfOpen) => "half open",
            Some(BreakerState::Open) => "open",
        }
    }

    /// The system it is a limit of.
    pub(crate) fn service(&self) -> &str {
        self.limit.split('/').next().unwrap_or_default()
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting_live + self.waiting_bulk
    }

    /// The breaker as a number.
    pub(crate) fn breaker_number(&self) -> i64 {
        match self.breaker {
            None | Some(BreakerState::Closed) => CLOSED,
            Some(BreakerState::HalfOpen) => HALF_OPEN,
            Some(BreakerState::Open) => OPEN,
        }
    }
}

/// About so long, in whole seconds at least; nothing where it is none.
pub(crate) fn span(ms: u64) -> String {
    match ms {
        0 => String::new(),
        ms => humantime::format_duration(std::time::Duration::from_secs(ms.div_ceil(1000)))
            .to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_told_in_words() {
        let seen = Seen::new(Of::Requests, "hubspot/1", [37, 100, 10_200, 3, 2, 1, 1, 0, NONE]);
        assert_eq!((seen.what(), seen.usage()), ("requests in 10.2 s".into(), "37 of 100".into()));
        assert_eq!((seen.breaker_word(), seen.service(), seen.waiting()), ("", "hubspot", 5));
        let held = Seen::new(Of::Requests, "erp", [0, 0, 1000, 0, 0, 0, 0, 61_500, NONE]);
        assert_eq!((held.what(), held.usage()), ("requests".into(), "no limit".into()));
        assert_eq!((span(held.held_ms), span(0)), ("1m 2s".into(), String::new()));
        let calls = Seen::new(Of::Calls, "erp", [3, 200, 0, 0, 0, 0, 0, 0, OPEN]);
        assert_eq!((calls.what(), calls.breaker_word()), ("calls at once".into(), "open"));
    }
}
