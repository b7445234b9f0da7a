//! A run's dealings with limits: room for a request, or the error with which it waits for its turn.

use std::time::Duration;

use super::Run;
use crate::error::{Failure, HandlerError};
use crate::limits::{Ended, Limit};
use crate::service::Service;
use crate::turns::{NoRoom, Turned};

/// For no longer is anybody left alone by one answer: then one asks again.
pub(crate) const LONGEST_HOLD: Duration = Duration::from_secs(3600);
/// How often it is looked whether what is paused still is.
const PAUSED: Duration = Duration::from_secs(15);

impl Run {
    /// Room for one more request at `limit`, where a run makes `usual` many; or the error with which
    /// the run waits for its turn. `code` and `what` say what there is no room in.
    pub(crate) async fn room(
        &self,
        limit: &Limit,
        usual: f64,
        code: &'static str,
        what: &'static str,
    ) -> Result<(), HandlerError> {
        let taken = self.rooms.take(&self.ledger, limit, usual).await;
        taken.map_err(|NoRoom(wait)| {
            HandlerError::deferred(wait, code, what).in_line_at(vec![limit.key.clone()])
        })
    }

    /// Whether runs of this worker found no room at `limit` lately.
    pub(crate) fn is_full_lately(&self, limit: &Limit) -> bool {
        self.rooms.is_full_lately(limit)
    }

    /// A request to `service`, unless that wants to be left alone: since now, by the answer to this one,
    /// or already.
    pub(crate) async fn at<T>(
        &self,
        service: Service,
        request: impl Future<Output = Result<T, HandlerError>>,
    ) -> Result<T, HandlerError> {
        let limit = Limit::none(service.as_str());
        // Boxed: futures within futures are as large as all of them.
        let request = Box::pin(request);
        self.room(&limit, 1.0, service.held(), "it wants to be left alone for now").await?;
        // Only the service's own answer holds everybody back: whoever is not let through has asked nothing,
        // and nor has whoever waits for a token that is taken.
        let asking = async {
            match request.await {
                Err(HandlerError { kind: Failure::Deferred { wait }, code, message, .. })
                    if code == service.held() =>
                {
                    Err(self.held(&limit, wait, code.into_owned(), message).await)
                }
                answered => answered,
            }
        };
        self.call(service, service.as_str(), asking, |_| false).await
    }

    /// A call of `service`, whose state is shared under `key`, unless it is down or has enough calls under
    /// way: then the run waits for it. `is_down` says which answers show that it is.
    pub(crate) async fn call<T>(
        &self,
        service: Service,
        key: &str,
        call: impl Future<Output = Result<T, HandlerError>>,
        is_down: impl FnOnce(&T) -> bool,
    ) -> Result<T, HandlerError> {
        self.call_within(service, key, None, call, is_down).await
    }

    /// Does `work`, of which there is at most `cap` at once under this key, of all workers together.
    pub(crate) async fn beside<T>(
        &self,
        key: &str,
        cap: u32,
        work: impl Future<Output = Result<T, HandlerError>>,
    ) -> Result<T, HandlerError> {
        let entered = Box::pin(self.rooms.enter(&self.ledger, key, Some(cap))).await;
        let entered = entered.map_err(busy)?;
        let done = Box::pin(work).await;
        // However it went: that is not for this key to judge.
        let _ = entered.ended(Ended::Passed).await;
        done
    }

    /// Whether [`Self::beside`] and, within it, [`Self::call_within`] would let a call through, where others were
    /// turned away lately: so that the run spends nothing for a call that it cannot make.
    pub(crate) async fn look(
        &self,
        service: Service,
        (key, cap): (&str, Option<u32>),
        (beside, beside_cap): (&str, u32),
    ) -> Result<(), HandlerError> {
        let there = Box::pin(self.rooms.look(&self.ledger, key, cap)).await;
        there.map_err(|turned| put_off(service, turned))?;
        let beside = Box::pin(self.rooms.look(&self.ledger, beside, Some(beside_cap))).await;
        beside.map_err(busy)
    }

    /// Nobody goes on at `limit` before somebody resumes it. The error with which the run waits in line there:
    /// those who wait for it are seen, and come back one after the other.
    pub(crate) async fn paused(
        &self,
        limit: &Limit,
        code: &'static str,
        what: &'static str,
    ) -> HandlerError {
        self.ledger.hold(limit, PAUSED).await;
        let error = match self.room(limit, 1.0, code, what).await {
            Err(error) => error,
            Ok(()) => HandlerError::deferred(PAUSED, code, what),
        };
        error.pausing()
    }

    /// The same as [`Self::call`], with at most `cap` calls at once where it says.
    pub(crate) async fn call_within<T>(
        &self,
        service: Service,
        key: &str,
        cap: Option<u32>,
        call: impl Future<Output = Result<T, HandlerError>>,
        is_down: impl FnOnce(&T) -> bool,
    ) -> Result<T, HandlerError> {
        // Boxed: futures within futures are as large as all of them.
        let entered = Box::pin(self.rooms.enter(&self.ledger, key, cap)).await;
        let entered = entered.map_err(|turned| put_off(service, turned))?;
        // Begun now, it would be dropped before it is answered.
        if self.time_left().is_zero() {
            return Err(HandlerError::deferred(Duration::ZERO, "TIME_UP", "not begun"));
        }
        let answer = Box::pin(call).await;
        let has_failed = match &answer {
            Ok(answer) => is_down(answer),
            Err(error) => service.is_down(error),
        };
        let ended = match &answer {
            _ if has_failed => Ended::Failed,
            // Nothing was sent: the run waits for something else first.
            Err(error) if error.is_deferred() && error.code != service.held() => {
                self.rooms.wait_elsewhere();
                Ended::CutOff
            }
            _ => Ended::Passed,
        };
        match entered.ended(ended).await {
            // It probed for all others: without an answer that is no attempt of its own. A 5xx may be the
            // answer to this event alone, which would else probe for ever.
            Some(turned) if answer.as_ref().is_err_and(|error| service.is_silent(error)) => {
                self.rooms.turned(key, turned);
                Err(put_off(service, turned))
            }
            _ => answer,
        }
    }

    /// Notes what the run waits for, if it waits: neither a limit nor a service.
    pub(crate) fn waiting_elsewhere<T>(
        &self,
        result: Result<T, HandlerError>,
    ) -> Result<T, HandlerError> {
        if result.as_ref().is_err_and(HandlerError::is_deferred) {
            self.rooms.wait_elsewhere();
        }
        result
    }

    /// The other side wants to be left alone at `limit` for so long: so do all workers. The run that was told
    /// waits in line there.
    pub(crate) async fn held(
        &self,
        limit: &Limit,
        wait: Duration,
        code: String,
        message: String,
    ) -> HandlerError {
        self.leave_alone(limit, wait, &code).await;
        let wait = wait.min(LONGEST_HOLD);
        let wait = self.rooms.back_in_line(&self.ledger, limit, wait).await;
        HandlerError::deferred(wait, code, message).in_line_at(vec![limit.key.clone()])
    }

    /// The same for a run that was told together with another one, which has told all workers and has a place.
    /// It takes none beside that: they come back together, as they went.
    pub(crate) fn held_too(
        &self,
        limit: &Limit,
        wait: Duration,
        code: String,
        message: String,
    ) -> HandlerError {
        let wait = wait.min(LONGEST_HOLD);
        self.rooms.lacks(&limit.key, NoRoom(wait));
        HandlerError::deferred(wait, code, message).in_line_at(vec![limit.key.clone()])
    }

    /// Nobody goes on at `limit` for so long.
    pub(crate) async fn hold(&self, limit: &Limit, wait: Duration) {
        self.ledger.hold(limit, wait).await;
    }

    /// The other side wants to be left alone at `limit` for so long, by all workers; this run has been answered.
    pub(crate) async fn leave_alone(&self, limit: &Limit, wait: Duration, code: &str) {
        let wait = wait.min(LONGEST_HOLD);
        tracing::warn!(
            limit = limit.key,
            wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            error.code = code,
            "asked to be left alone: nothing is sent there meanwhile"
        );
        self.ledger.hold(limit, wait).await;
    }

    /// Another run was turned away with `error` at the gate with this key, and this one with it.
    pub(crate) fn turned_too(&self, key: &str, error: &HandlerError) {
        if let Failure::Deferred { wait } = error.kind {
            self.rooms.turned(key, Turned::Shut(wait));
        }
    }
}

/// The error of a run that waits for others of its kind.
fn busy(turned: Turned) -> HandlerError {
    let message = "as many are under way as there may be (concurrency)";
    HandlerError::deferred(turned.wait(), "TENANT_BUSY", message)
}

/// The error of a run that waits for `service`.
fn put_off(service: Service, turned: Turned) -> HandlerError {
    let (what, message) = match turned {
        Turned::Full(_) => ("BUSY", "as many calls are under way as there may be"),
        Turned::Shut(_) => ("DOWN", "it is down, and nobody calls it for now"),
    };
    HandlerError::deferred(turned.wait(), service.code(what), message)
}
