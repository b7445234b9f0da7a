//! What a handler is given beside the event: the integrations, and steps that are remembered.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::event::Identity;
use shared::trace::{KeyValue, Span, SpanKind};

use crate::clients::hubspot::HubSpot;
use crate::clients::{Clients, Service};
use crate::error::{Failure, HandlerError};
use crate::ledger::{Lease, Ledger};
use crate::limits::{Ended, Limit};
use crate::records::Records;
use crate::turns::{NoRoom, Rooms, Turned};

mod once;

/// The largest result of one step that is remembered, in bytes of JSON.
pub const MAX_STEP_BYTES: usize = 16 * 1024;

/// For no longer is anybody left alone by one answer: then one asks again.
const LONGEST_HOLD: Duration = Duration::from_secs(3600);

/// One run of one handler for one event.
#[derive(Clone)]
pub struct Context {
    pub(crate) clients: Arc<Clients>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) records: Option<Records>,
    pub(crate) lease: Arc<Lease>,
    pub(crate) identity: Identity,
    pub(crate) handler: &'static str,
    pub(crate) portal_id: u64,
    pub(crate) attempt: u32,
    pub(crate) generation: u32,
    /// What this run has asked at limits.
    pub(crate) rooms: Arc<Rooms>,
    /// Since the receiver took the event in.
    pub(crate) age: Duration,
    /// Since what the event tells of happened.
    pub(crate) since_change: Duration,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("portal_id", &self.portal_id)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

impl Context {
    /// The integrations and what is configured of them.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// HubSpot's API for the event's portal.
    pub fn hubspot(&self) -> Result<HubSpot<'_>, HandlerError> {
        self.clients.hubspot(self)
    }

    /// The records, if any are kept: for erasing a contact from them.
    pub fn records(&self) -> Option<&Records> {
        self.records.as_ref()
    }

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
        taken.map_err(|NoRoom(wait)| HandlerError::deferred(wait, code, what))
    }

    /// A request to `service`, unless that wants to be left alone: since now, by the answer to this one,
    /// or already.
    pub(crate) async fn at<T>(
        &self,
        service: Service,
        request: impl Future<Output = Result<T, HandlerError>>,
    ) -> Result<T, HandlerError> {
        let limit = Limit::none(service.as_str());
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
        // Boxed: futures within futures are as large as all of them.
        let entered = Box::pin(self.rooms.enter(&self.ledger, key)).await;
        let entered = entered.map_err(|turned| put_off(service, turned))?;
        let answer = Box::pin(call).await;
        let has_failed = match &answer {
            Ok(answer) => is_down(answer),
            Err(error) => service.is_down(error),
        };
        let ended = if has_failed { Ended::Failed } else { Ended::Passed };
        match entered.ended(ended).await {
            // It probed for all others: that is no attempt of its own.
            Some(turned) => {
                self.rooms.turned(key, turned);
                Err(put_off(service, turned))
            }
            None => answer,
        }
    }

    /// The other side wants to be left alone at `limit` for so long: so do all workers. Whoever was told
    /// keeps its place.
    pub(crate) async fn held(
        &self,
        limit: &Limit,
        wait: Duration,
        code: String,
        message: String,
    ) -> HandlerError {
        let wait = wait.min(LONGEST_HOLD);
        tracing::warn!(
            limit = limit.key,
            wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            error.code = code,
            "asked to be left alone: nothing is sent there meanwhile"
        );
        self.ledger.hold(limit, wait).await;
        self.rooms.lacks(&limit.key, NoRoom(wait));
        HandlerError::deferred(wait, code, message)
    }

    /// Attempts spent before this one.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How long ago the receiver took the event in.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// How long ago it happened, by the event's `occurredAt`; if it has none, how long ago the
    /// receiver took it in. HubSpot tries for a day to deliver an event: it can be old when it comes.
    pub fn since_change(&self) -> Duration {
        self.since_change
    }

    /// A number that grows with every run of this event and handler: whoever is shown a smaller
    /// one than before is talking to a run that was taken over.
    pub fn fence(&self) -> u64 {
        self.lease.fence
    }

    /// Whether the step `name` has been done.
    pub(crate) fn is_done(&self, name: &str) -> bool {
        self.lease.step(name).is_some()
    }

    /// Runs `work` once in the life of this event and handler: when it has succeeded, later
    /// attempts get its result from the ledger instead of doing it again. Name each step
    /// differently. The result is kept as JSON of at most [`MAX_STEP_BYTES`].
    ///
    /// A crash after `work` succeeded and before the ledger knows it does `work` again: give
    /// the other side an idempotency key where it takes one.
    pub async fn step<T, F>(&self, name: &str, work: F) -> Result<T, HandlerError>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<T, HandlerError>>,
    {
        if let Some(json) = self.lease.step(name) {
            return Ok(serde_json::from_str(&json)?);
        }
        let span = Span::current().child(SpanKind::Internal, || {
            (format!("step {name}").into(), vec![KeyValue::new("step", name.to_owned())])
        });
        let result = span.around(work).await.inspect_err(|error| span.fail(&error.code))?;
        span.end();
        let json = serde_json::to_string(&result)?;
        if json.len() > MAX_STEP_BYTES {
            return Err(HandlerError::permanent(
                "STEP_TOO_LARGE",
                format!("step `{name}` gave {} bytes, more than {MAX_STEP_BYTES}", json.len()),
            ));
        }
        if !self.ledger.remember(&self.lease, name, &json).await {
            return Err(HandlerError::lease_lost());
        }
        tracing::debug!(
            event.id = %self.identity,
            handler = self.handler,
            attempt = self.attempt,
            step = name,
            "step done"
        );
        Ok(result)
    }
}

/// The error of a run that waits for `service`.
fn put_off(service: Service, turned: Turned) -> HandlerError {
    let (what, message) = match turned {
        Turned::Full(_) => ("BUSY", "as many calls are under way as there may be"),
        Turned::Shut(_) => ("DOWN", "it is down, and nobody calls it for now"),
    };
    HandlerError::deferred(turned.wait(), service.code(what), message)
}
