//! What HubSpot means by a status that is no success.
//!
//! Source: HubSpot's API error handling and usage guidelines.

use std::time::Duration;

use serde::Deserialize;

use crate::clients::http::Reply;
use crate::error::HandlerError;

/// Right after a change HubSpot's index can lag behind the event that tells of it.
pub(crate) const SETTLED: Duration = Duration::from_mins(1);

/// What the request was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// The record that the event names: not to find it may pass, and is no failure then.
    Record,
    /// What that record has. The record itself tells whether it is there: what is not found then is
    /// the path, or not there yet.
    Part,
    /// Anything else.
    Other,
}

/// The failure that the answer to a request about `subject` is, so long after what the event tells of.
pub(super) fn of(reply: &Reply, subject: Subject, age: Duration) -> HandlerError {
    let wait = |default| reply.retry_after.unwrap_or(default);
    match reply.status.as_u16() {
        404 if subject == Subject::Record && age < SETTLED => {
            HandlerError::not_there_yet(reply.code(), reply.message())
        }
        404 | 410 if subject == Subject::Record => {
            HandlerError::gone(reply.code(), reply.message())
        }
        404 if subject == Subject::Part && age < SETTLED => {
            HandlerError::transient(reply.code(), reply.message())
        }
        // A lock that another write holds on the record.
        423 => {
            let wait = wait(Duration::from_secs(2)).max(Duration::from_secs(2));
            HandlerError::retry_after(wait, reply.code(), reply.message())
        }
        _ => reply.refusal(),
    }
}

/// How long the portal wants to be left alone, if it does.
pub(super) fn wait(reply: &Reply) -> Option<Duration> {
    match reply.status.as_u16() {
        429 => Some(reply.retry_after.unwrap_or_else(|| policy(reply))),
        // The account is being moved to another data centre.
        477 => Some(reply.retry_after.unwrap_or(Duration::from_hours(1))),
        _ => None,
    }
}

/// How long the limit lasts that was hit.
fn policy(reply: &Reply) -> Duration {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Refusal {
        policy_name: Option<String>,
    }
    let refusal: Option<Refusal> = reply.json().ok();
    match refusal.and_then(|refusal| refusal.policy_name).as_deref() {
        Some("SECONDLY") => Duration::from_secs(1),
        // Counted until midnight in the account's time zone, which is not ours to know.
        Some("DAILY") => Duration::from_hours(1),
        _ => Duration::from_secs(10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::http::{Service, tests::reply};
    use crate::error::Failure;

    const NEW: Duration = Duration::from_secs(1);

    fn kind(
        status: u16,
        wait: Option<u64>,
        body: &str,
        subject: Subject,
        age: Duration,
    ) -> Failure {
        of(&reply(Service::HubSpot, status, wait, body), subject, age).kind
    }

    fn transient(seconds: u64) -> Failure {
        Failure::Transient { retry_after: Some(Duration::from_secs(seconds)) }
    }

    fn held(status: u16, seconds: Option<u64>, body: &str) -> Option<u64> {
        wait(&reply(Service::HubSpot, status, seconds, body)).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_record_just_named_may_still_turn_up() {
        let gone = |may_turn_up| Failure::Gone { may_turn_up };
        assert_eq!(kind(404, None, "", Subject::Record, NEW), gone(true));
        assert_eq!(kind(404, None, "", Subject::Record, SETTLED), gone(false));
        assert_eq!(kind(404, None, "", Subject::Other, NEW), Failure::Permanent);
        let passing = Failure::Transient { retry_after: None };
        assert_eq!(kind(404, None, "", Subject::Part, NEW), passing);
        assert_eq!(kind(404, None, "", Subject::Part, SETTLED), Failure::Permanent);
    }

    #[test]
    fn a_limit_is_waited_out_by_its_policy_unless_a_wait_is_asked_for() {
        for (body, seconds) in [
            (r#"{"policyName":"TEN_SECONDLY_ROLLING"}"#, 10),
            (r#"{"policyName":"SECONDLY"}"#, 1),
            (r#"{"policyName":"DAILY"}"#, 3600),
            (r#"{"policyName":7}"#, 10),
            ("", 10),
        ] {
            assert_eq!(held(429, None, body), Some(seconds), "{body}");
            assert_eq!(held(429, Some(3), body), Some(3));
        }
    }

    #[test]
    fn locks_and_migrations_have_waits_of_their_own() {
        assert_eq!(kind(423, None, "", Subject::Other, NEW), transient(2));
        assert_eq!(kind(423, Some(1), "", Subject::Other, NEW), transient(2));
        assert_eq!(kind(423, Some(9), "", Subject::Other, NEW), transient(9));
        assert_eq!(held(477, None, ""), Some(3600));
        assert_eq!(held(477, Some(7200), ""), Some(7200));
        assert_eq!(held(503, Some(5), ""), None);
    }

    #[test]
    fn a_token_that_is_refused_stays_refused() {
        for status in [401, 403] {
            assert_eq!(kind(status, None, "", Subject::Record, NEW), Failure::Permanent);
        }
    }
}
