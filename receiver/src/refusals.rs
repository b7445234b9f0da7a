//! What operators are told of refused requests, of which anybody can send any number: all are counted;
//! of each reason some are logged, traced and kept, and how many were not is said.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::HttpRequest;
use tokio::time::Instant;

use crate::app::Intake;
use crate::error::Refusal;
use crate::receipt::Receipt;
use crate::rejections::Refused;

/// How many of one reason are told within [`WINDOW`].
const TOLD: u32 = 10;
/// What is logged of a path and of a method, in bytes: anybody may write anything there.
const MAX_PATH: usize = 256;
const MAX_METHOD: usize = 32;
const WINDOW: Duration = Duration::from_secs(10);

/// Which refusals are told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusals(Arc<Mutex<HashMap<&'static str, Window>>>);

#[derive(Debug)]
struct Window {
    since: Instant,
    told: u32,
    left_out: u64,
}

impl Refusals {
    /// Whether one of this reason is told. What is not is summed up at the end of the window.
    fn admit(&self, reason: &'static str) -> bool {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let window = windows.entry(reason).or_insert(Window { since: now, told: 0, left_out: 0 });
        if window.left_out == 0 && now - window.since >= WINDOW {
            (window.since, window.told) = (now, 0);
        }
        if window.told < TOLD {
            window.told += 1;
            return true;
        }
        window.left_out += 1;
        if window.left_out == 1 {
            let (this, end) = (self.clone(), window.since + WINDOW);
            tokio::spawn(async move {
                tokio::time::sleep_until(end).await;
                this.sum_up(reason);
            });
        }
        false
    }

    fn sum_up(&self, reason: &'static str) {
        let left_out = {
            let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            windows.remove(reason).map_or(0, |window| window.left_out)
        };
        tracing::warn!(
            reason,
            requests = left_out,
            window_s = WINDOW.as_secs(),
            "more requests refused"
        );
    }
}

/// Counts a refusal, and perhaps logs, traces and keeps it. `receipt` is the request's, if it was read
/// so far that it has one.
pub(crate) fn refused(
    intake: &Intake,
    request: &HttpRequest,
    receipt: Option<Receipt>,
    url: &str,
    refusal: &Refusal,
    hint: Option<&'static str>,
) {
    let code = refusal.code();
    intake.metrics.refused(code);
    let refused = Refused::new(code, request, url, hint);
    if intake.refusals.admit(code) {
        let receipt = receipt.unwrap_or_else(|| Receipt::begin(&intake.tracer, request));
        tracing::warn!(
            reason = code,
            http.method = cut(request.method().as_str(), MAX_METHOD),
            url.path = cut(request.path(), MAX_PATH),
            clock_distance_ms = refused.clock_distance_ms(),
            hint,
            trace.id = receipt.trace_id(),
            span.id = receipt.span_id(),
            "request refused"
        );
        receipt.refused(refusal);
    } else if let Some(receipt) = receipt {
        receipt.discard();
    }
    intake.rejections.add(refused);
}

fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_reason_has_its_own_share_and_starts_anew_after_a_window() {
        let refusals = Refusals::default();
        let told = |reason| (0..100).filter(|_| refusals.admit(reason)).count();
        assert_eq!(told("not_found"), 10);
        assert_eq!(told("signature_mismatch"), 10);
        assert_eq!(told("not_found"), 0);
        tokio::time::sleep(WINDOW + Duration::from_millis(1)).await;
        assert_eq!(told("not_found"), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_now_and_then_are_all_told() {
        let refusals = Refusals::default();
        for _ in 0..100 {
            assert!(refusals.admit("signature_mismatch"));
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }
}
