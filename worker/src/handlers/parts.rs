//! The one result of parts that ran side by side.

use std::time::Duration;

use crate::error::{Failure, HandlerError};
use crate::registry::HandlerResult;

/// Succeeds if all parts did. Otherwise what can still get better decides: as long as one part
/// may succeed later the event is tried again, by the longest wait that a part asks for, and the
/// parts that are done are not repeated. Every failure is named in the message.
pub(super) fn all_of<const N: usize>(parts: [HandlerResult; N]) -> HandlerResult {
    let mut failures: Vec<HandlerError> = parts.into_iter().filter_map(Result::err).collect();
    let wait = failures.iter().filter_map(wait).max();
    // Stable: of equals the first part stands for all.
    failures.sort_by_key(|failure| rank(failure.kind));
    let mut failures = failures.into_iter();
    let Some(mut first) = failures.next() else { return Ok(()) };
    let is_missing = |failure: &HandlerError| matches!(failure.kind, Failure::Gone { .. });
    if is_missing(&first) && failures.as_slice().iter().any(|other| !is_missing(other)) {
        // Else the others' failure would end with it, as nothing to do.
        first.kind = Failure::Transient { retry_after: None };
    }
    for other in failures {
        first.message = format!("{}; also {other}", first.message);
    }
    match &mut first.kind {
        Failure::Transient { retry_after } => *retry_after = wait,
        Failure::Deferred { wait: until } => *until = wait.unwrap_or(*until),
        Failure::Permanent | Failure::Skipped | Failure::Gone { .. } | Failure::LeaseLost => {}
    }
    Err(first)
}

/// A failed attempt outranks one that had no room: else an event could come for ever without
/// spending an attempt.
fn rank(kind: Failure) -> u8 {
    match kind {
        Failure::LeaseLost => 0,
        Failure::Transient { .. } | Failure::Gone { may_turn_up: true } => 1,
        Failure::Deferred { .. } => 2,
        Failure::Permanent => 3,
        Failure::Skipped => 4,
        Failure::Gone { may_turn_up: false } => 5,
    }
}

fn wait(failure: &HandlerError) -> Option<Duration> {
    match failure.kind {
        Failure::Transient { retry_after } => retry_after,
        Failure::Deferred { wait } => Some(wait),
        Failure::Permanent | Failure::Skipped | Failure::Gone { .. } | Failure::LeaseLost => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn permanent() -> HandlerResult {
        Err(HandlerError::permanent("ERP_422", "no amount"))
    }

    fn transient() -> HandlerResult {
        Err(HandlerError::transient("SLACK_5XX", "down"))
    }

    fn deferred() -> HandlerResult {
        Err(HandlerError::deferred(SECOND, "HUBSPOT_BUDGET", "spent"))
    }

    #[test]
    fn all_parts_must_succeed() {
        assert_eq!(all_of([Ok(()), Ok(())]), Ok(()));
        assert_eq!(all_of([Ok(()), permanent()]), permanent());
    }

    #[test]
    fn what_may_still_succeed_decides_and_every_failure_is_named() {
        let error = all_of([permanent(), transient(), Ok(())]).unwrap_err();
        assert_eq!(error.kind, Failure::Transient { retry_after: None });
        assert_eq!(error.to_string(), "SLACK_5XX: down; also ERP_422: no amount");
        assert_eq!(
            all_of([permanent(), deferred()]).unwrap_err().kind,
            Failure::Deferred { wait: SECOND }
        );
    }

    #[test]
    fn a_failed_attempt_is_spent_but_not_before_there_is_room() {
        let error = all_of([deferred(), transient()]).unwrap_err();
        assert_eq!(error.kind, Failure::Transient { retry_after: Some(SECOND) });
    }

    #[test]
    fn what_is_gone_hides_no_failure_of_another_part() {
        let absent = || Err(HandlerError::not_there_yet("HUBSPOT_404", "no such contact"));
        let gone = || Err(HandlerError::gone("CONTACT_MERGED", "merged"));
        let error = all_of([permanent(), absent()]).unwrap_err();
        assert_eq!(error.kind, Failure::Transient { retry_after: None });
        assert_eq!(all_of([gone(), permanent()]).unwrap_err().kind, Failure::Permanent);
        assert_eq!(all_of([Ok(()), absent()]), absent());
        assert_eq!(all_of([Ok(()), gone()]), gone());
    }

    #[test]
    fn a_lost_lease_voids_everything_else() {
        let error = all_of([transient(), Err(HandlerError::lease_lost())]).unwrap_err();
        assert_eq!(error.kind, Failure::LeaseLost);
    }
}
