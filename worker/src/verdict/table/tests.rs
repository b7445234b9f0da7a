//! What each outcome comes to.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use super::*;
use crate::error::HandlerError;

const SECOND: Duration = Duration::from_secs(1);

fn schedule() -> RetrySchedule {
    RetrySchedule::new(SECOND, 5.0, SECOND * 3600, 4).unwrap()
}

fn decided(outcome: &Outcome, attempt: u32) -> Decision {
    decide(outcome, attempt, &schedule())
}

fn again(at_least: Duration) -> MessageMove {
    MessageMove::Again(Wait { delay: SECOND, at_least })
}

fn retry(delay: Duration, at_least: Duration) -> MessageMove {
    MessageMove::Retry(Wait { delay, at_least })
}

fn next(attempt: u32) -> LedgerMove {
    LedgerMove::Release(Release::Next(attempt))
}

#[test]
fn success_completes_and_acks() {
    let decision = decided(&Outcome::Succeeded, 2);
    assert_eq!((decision.ledger, decision.message), (LedgerMove::Complete, MessageMove::Ack));
}

#[test]
fn what_is_done_already_is_acked_without_touching_the_ledger() {
    for outcome in [Outcome::Duplicate, Outcome::Stale] {
        let decision = decided(&outcome, 0);
        assert_eq!((decision.ledger, decision.message), (LedgerMove::None, MessageMove::Ack));
    }
}

#[test]
fn waiting_for_room_spends_no_attempt() {
    for outcome in [Outcome::Held, Outcome::Limited(Duration::ZERO)] {
        let decision = decided(&outcome, 3);
        assert_eq!(decision.ledger, LedgerMove::None);
        assert_eq!(decision.message, again(Duration::ZERO));
    }
    let deferred = HandlerError::deferred(SECOND * 7, "HUBSPOT_BUDGET", "spent");
    let decision = decided(&Outcome::Failed(deferred), 3);
    assert_eq!(decision.ledger, LedgerMove::PutOff);
    let wait = Wait { delay: SECOND, at_least: SECOND * 7 };
    assert_eq!(decision.message, MessageMove::InLine(wait));
}

#[test]
fn what_was_skipped_is_not_remembered_as_done_and_spends_no_attempt() {
    let error = HandlerError::skipped("SLACK_NOT_CONFIGURED", "no token");
    let decision = decided(&Outcome::Failed(error), 2);
    assert_eq!((decision.ledger, decision.message), (next(2), MessageMove::Ack));
}

#[test]
fn a_record_that_is_gone_is_an_end_and_one_that_may_turn_up_is_looked_for_before() {
    let end = |attempt| (Verdict::Gone, next(attempt), MessageMove::Ack);
    let all = |decision: Decision| (decision.verdict, decision.ledger, decision.message);
    let gone = || Outcome::Failed(HandlerError::gone("HUBSPOT_404", "no such deal"));
    assert_eq!(all(decided(&gone(), 0)), end(0), "it can be run again");
    let absent = || Outcome::Failed(HandlerError::not_there_yet("HUBSPOT_404", "no such deal"));
    for (attempt, delay) in [(0, SECOND), (2, SECOND * 25)] {
        let decision = decided(&absent(), attempt);
        assert_eq!((decision.verdict, decision.ledger), (Verdict::Retried, next(attempt + 1)));
        assert_eq!(decision.message, retry(delay, Duration::ZERO));
    }
    assert_eq!(all(decided(&absent(), 3)), end(3), "no letter for what nobody can mend");
}

#[test]
fn shutdown_gives_the_message_back_as_it_is() {
    let decision = decided(&Outcome::Interrupted, 1);
    assert_eq!(decision.ledger, LedgerMove::Release(Release::Same));
    assert_eq!(decision.message, MessageMove::Requeue);
}

#[test]
fn transient_failures_follow_the_schedule_and_then_end() {
    let fail = || Outcome::Failed(HandlerError::transient("SLACK_5XX", "503"));
    for (attempt, delay) in [(0, SECOND), (1, SECOND * 5), (2, SECOND * 25)] {
        let decision = decided(&fail(), attempt);
        assert_eq!(decision.ledger, next(attempt + 1));
        assert_eq!(decision.message, retry(delay, Duration::ZERO));
    }
    let decision = decided(&fail(), 3);
    assert_eq!(decision.verdict, Verdict::Exhausted);
    assert_eq!(decision.ledger, next(4));
    assert_eq!(
        decision.message,
        MessageMove::Dead {
            reason: DeathReason::Exhausted,
            code: "SLACK_5XX".to_owned(),
            error: "503".to_owned()
        }
    );
}

#[test]
fn a_wait_that_was_asked_for_is_passed_on_as_it_is_however_long() {
    for wait in [SECOND * 3, SECOND * 86_400 * 30] {
        let error = HandlerError::retry_after(wait, "SLACK_429", "slow down");
        let decision = decided(&Outcome::Failed(error), 0);
        assert_eq!(decision.message, retry(SECOND, wait));
        let error = HandlerError::deferred(wait, "HUBSPOT_BUDGET", "spent");
        let in_line = MessageMove::InLine(Wait { delay: SECOND, at_least: wait });
        assert_eq!(decided(&Outcome::Failed(error), 0).message, in_line);
        assert_eq!(decided(&Outcome::Limited(wait), 0).message, again(wait));
    }
}

#[test]
fn a_short_wait_that_was_asked_for_does_not_shorten_the_schedule() {
    let error = HandlerError::retry_after(SECOND, "SLACK_429", "slow down");
    let decision = decided(&Outcome::Failed(error), 2);
    assert_eq!(decision.message, retry(SECOND * 25, SECOND));
}

#[test]
fn permanence_and_crashes_end_at_once() {
    let permanent = decided(&Outcome::Failed(HandlerError::permanent("ERP_422", "no")), 0);
    assert_eq!((permanent.verdict, permanent.ledger), (Verdict::Permanent, next(1)));
    let crashed = decided(&Outcome::Crashed, 0);
    assert_eq!((crashed.verdict, crashed.ledger), (Verdict::Crashed, next(1)));
    for decision in [permanent, crashed] {
        assert!(matches!(decision.message, MessageMove::Dead { .. }), "{decision:?}");
    }
}

#[test]
fn a_handler_that_is_not_here_may_be_elsewhere_and_then_the_event_ends() {
    let first = decided(&Outcome::TargetUnknown, 0);
    assert_eq!((first.verdict, first.ledger), (Verdict::Retried, LedgerMove::None));
    let last = decided(&Outcome::TargetUnknown, 3);
    assert_eq!((last.verdict, last.ledger), (Verdict::Exhausted, LedgerMove::None));
    assert!(matches!(last.message, MessageMove::Dead { .. }));
}

#[test]
fn a_run_that_has_lost_a_lease_gives_back_its_own_and_comes_back_later() {
    // What was lost can be a fact's. If it is its own, giving that back is refused.
    let decision = decided(&Outcome::Failed(HandlerError::lease_lost()), 2);
    assert_eq!(decision.ledger, LedgerMove::Release(Release::Same));
    assert!(matches!(decision.message, MessageMove::Again(_)));
}

#[test]
fn the_dashboard_has_a_colour_for_each() {
    let dashboard = include_str!("../../../../k8s/monitoring/dashboard.json");
    for verdict in Verdict::ALL {
        let named = format!(r#""options": "{}""#, verdict.as_str());
        assert!(dashboard.contains(&named), "{}", verdict.as_str());
    }
}
