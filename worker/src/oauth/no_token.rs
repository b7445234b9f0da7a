//! Why there is no access token of a portal's, and what that means for a run that needs one.

use std::time::Duration;

use shared::origin::Origin;

use super::terms::millis;
use crate::error::HandlerError;

/// How often an event of a portal that is without the app asks again.
const ASK_AGAIN: Duration = Duration::from_mins(15);
/// The shortest of all waits.
const SOON: Duration = Duration::from_secs(1);

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoToken {
    /// Somebody is getting one.
    Busy,
    /// HubSpot, or the records, gave none: again after the wait.
    Later { code: String, wait: Duration },
    /// The portal was without the app since then, ms since the Unix epoch.
    Uninstalled { since_ms: i64 },
    /// It never had it, as far as is known.
    Unknown,
}

impl NoToken {
    /// The records do not say which refresh token there is.
    pub(super) fn records_away(origin: &Origin, error: &anyhow::Error) -> Self {
        let error = format!("{error:#}");
        tracing::debug!(%origin, error, "the records do not say which refresh token a portal has");
        Self::Later { code: "RECORDS_DOWN".to_owned(), wait: SOON * 5 }
    }

    /// For how long it is not asked again.
    pub(crate) fn holds(&self) -> Duration {
        match self {
            Self::Busy => SOON / 2,
            Self::Later { wait, .. } => (*wait).clamp(SOON, SOON * 5),
            Self::Uninstalled { .. } | Self::Unknown => SOON * 5,
        }
    }

    /// The error with which a run ends that needs one. What is for a portal that is without the app is held for
    /// `kept`, in case it comes back, and then dropped.
    pub(crate) fn error(&self, origin: &Origin, kept: Duration, now_ms: i64) -> HandlerError {
        match self {
            Self::Busy => HandlerError::deferred(
                spread(SOON),
                "HUBSPOT_TOKEN_REFRESHING",
                format!("the access token of {origin} is being refreshed"),
            ),
            Self::Later { code, wait } => HandlerError::deferred(
                spread((*wait).max(SOON)),
                "HUBSPOT_TOKEN_LATER",
                format!("there is no access token of {origin} now ({code})"),
            ),
            Self::Uninstalled { since_ms } => {
                let left_ms = since_ms.saturating_add(millis(kept)).saturating_sub(now_ms);
                let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or_default());
                if left.is_zero() {
                    return HandlerError::skipped(
                        "HUBSPOT_UNINSTALLED",
                        format!(
                            "{origin} has uninstalled the app, and UNINSTALLED_EVENTS_KEPT is over"
                        ),
                    );
                }
                HandlerError::deferred(
                    spread(ASK_AGAIN).min(left.max(SOON)),
                    "HUBSPOT_UNINSTALLED",
                    format!("{origin} has uninstalled the app: its events are held for a while"),
                )
            }
            // A portal's first events may be quicker than its callback.
            Self::Unknown => HandlerError::transient(
                "HUBSPOT_NOT_INSTALLED",
                format!(
                    "{origin} has not installed the app, or another app than HUBSPOT_CLIENT_ID"
                ),
            ),
        }
    }
}

/// So that not all who wait come back at once.
fn spread(wait: Duration) -> Duration {
    wait.mul_f64(1.0 + rand::random::<f64>() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;

    #[test]
    fn what_is_for_a_portal_without_the_app_is_held_and_then_dropped() {
        let (origin, kept) = (Origin::hubspot(1), Duration::from_hours(1));
        let uninstalled = NoToken::Uninstalled { since_ms: 1_000 };
        let kind = |now_ms| uninstalled.error(&origin, kept, now_ms).kind;
        assert!(matches!(kind(1_000), Failure::Deferred { wait } if wait >= ASK_AGAIN));
        let wait = Duration::from_secs(60);
        assert_eq!(
            kind(1_000 + 3_540_000),
            Failure::Deferred { wait },
            "no longer than it is kept"
        );
        assert_eq!(kind(1_000 + 3_600_000), Failure::Skipped);
        assert_eq!(uninstalled.error(&origin, Duration::ZERO, 1_000).kind, Failure::Skipped);
    }

    #[test]
    fn what_nobody_is_to_blame_for_costs_no_attempt() {
        let (origin, kept) = (Origin::hubspot(1), Duration::ZERO);
        let later = NoToken::Later { code: "503".to_owned(), wait: Duration::from_secs(10) };
        for why in [NoToken::Busy, later] {
            assert!(why.error(&origin, kept, 0).is_deferred(), "{why:?}");
        }
        let unknown = NoToken::Unknown.error(&origin, kept, 0);
        assert_eq!(unknown.kind, Failure::Transient { retry_after: None });
    }
}
