//! What tokens are sealed as, and how long they last.

use std::time::Duration;

use shared::origin::Origin;

/// What a portal's refresh token is sealed as.
pub(super) fn refresh_token_of(origin: &Origin) -> String {
    format!("refresh token of {origin}")
}

/// When a token is due that lasts for so long: at 80 % of its life.
pub(super) fn due_after(life: Duration) -> Duration {
    life.mul_f64(0.8)
}

/// In ms, as the records have times.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
