//! A run's dealings with limits: room for a request, or the error with which it waits for its turn.

use std::time::Duration;

use super::Run;
use crate::error::{Failure, HandlerError};
use crate::limits::{Limit, NoRoom};
use crate::service::Service;

/// For no longer is anybody left alone by one answer: then one asks again.
const LONGEST_HOLD: Duration = Duration::from_secs(3600);

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
        match request.await {
            Err(HandlerError { kind: Failure::Deferred { wait }, code, message, .. }) => {
                Err(self.held(&limit, wait, code.into_owned(), message).await)
            }
            answered => answered,
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
}
