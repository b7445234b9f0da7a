//! What a run remembers from one attempt to the next.
//!
//! Owns what a step's result may be, and that what was done is not done again, whatever becomes of its
//! result. Where results are kept is the ledger's business.

use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::trace::{KeyValue, Span, SpanKind};

use super::Run;
use crate::error::HandlerError;

/// The largest result of one step that is remembered, in bytes of JSON.
pub const MAX_STEP_BYTES: usize = 16 * 1024;

/// In the place of a result that was too large, before its size; no JSON begins so.
const TOO_LARGE: &str = "!too-large:";

impl Run {
    /// Runs `work` once in the life of this event and handler: when it has succeeded, later
    /// attempts get its result from the ledger instead of doing it again. Name each step
    /// differently. The result is kept as JSON of at most [`MAX_STEP_BYTES`]. If it is larger, what is
    /// remembered is that `work` was done: the run fails for good (`STEP_TOO_LARGE`), as does every later
    /// one, and `work` is not repeated. What is known beforehand is better given to [`Self::keep`].
    ///
    /// It is seen through ([`Self::see_through`]). A crash after `work` succeeded and before the ledger
    /// knows it does `work` again: give the other side an idempotency key where it takes one.
    pub async fn step<T, F>(&self, name: &str, work: F) -> Result<T, HandlerError>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<T, HandlerError>>,
    {
        if let Some(kept) = self.lease.step(name) {
            return read(name, &kept);
        }
        // Boxed: futures within futures are as large as all of them.
        let work = Box::pin(work);
        let doing = async {
            let result = in_span(name, work).await?;
            let json = serde_json::to_string(&result)?;
            let bytes = json.len();
            if bytes > MAX_STEP_BYTES {
                self.remember(name, &format!("{TOO_LARGE}{bytes}")).await?;
                return Err(too_large(name, bytes));
            }
            self.remember(name, &json).await?;
            Ok(result)
        };
        self.see_through(doing).await
    }

    /// The same for work that only finds something out, which another attempt would find as well: it need not be
    /// on the disk before what is written next.
    pub(crate) async fn find<T, F>(&self, name: &str, work: F) -> Result<T, HandlerError>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<T, HandlerError>>,
    {
        if let Some(kept) = self.lease.step(name) {
            return read(name, &kept);
        }
        let found = in_span(name, work).await?;
        let json = text_of(name, &found)?;
        let noting = async {
            if !self.ledger.note(&self.lease, name, &json).await {
                return Err(HandlerError::lease_lost());
            }
            self.say_done(name);
            Ok(found)
        };
        self.see_through(noting).await
    }

    /// The same for work that is remembered by itself, such as a fact's: what is kept here is only that it was
    /// done, for those who read a dead letter, and it is written with what is kept next.
    pub(crate) async fn mark<F>(&self, name: &str, work: F) -> Result<(), HandlerError>
    where
        F: Future<Output = Result<(), HandlerError>>,
    {
        if self.is_done(name) {
            return Ok(());
        }
        let work = Box::pin(work);
        let doing = async {
            in_span(name, work).await?;
            self.keep_with_next(name, ())?;
            self.say_done(name);
            Ok(())
        };
        self.see_through(doing).await
    }

    /// Keeps `value` under `name` unless something is kept there already, and gives what is kept: a step
    /// with nothing to do. So a value that is too large is refused (`STEP_TOO_LARGE`) with nothing kept.
    pub async fn keep<T>(&self, name: &str, value: T) -> Result<T, HandlerError>
    where
        T: Serialize + DeserializeOwned,
    {
        if let Some(kept) = self.lease.step(name) {
            return read(name, &kept);
        }
        let json = text_of(name, &value)?;
        self.see_through(self.remember(name, &json)).await?;
        Ok(value)
    }

    /// The same, but written with what is kept next, or with the release: for what leads to nothing before.
    pub(crate) fn keep_with_next<T>(&self, name: &str, value: T) -> Result<T, HandlerError>
    where
        T: Serialize + DeserializeOwned,
    {
        if let Some(kept) = self.lease.step(name) {
            return read(name, &kept);
        }
        self.lease.keep(name, &text_of(name, &value)?);
        Ok(value)
    }

    /// Keeps `value` under `name`, in the place of one before. It is written with what is kept next, or with
    /// the release.
    pub(crate) fn note<T: Serialize>(&self, name: &str, value: T) -> Result<(), HandlerError> {
        self.lease.keep(name, &text_of(name, &value)?);
        Ok(())
    }

    /// What is kept under `name`, if it can be read.
    pub(crate) fn noted<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        read(name, &self.lease.step(name)?).ok()
    }

    /// Whether the step `name` has been done.
    pub fn is_done(&self, name: &str) -> bool {
        self.lease.step(name).is_some()
    }

    async fn remember(&self, name: &str, kept: &str) -> Result<(), HandlerError> {
        if !self.ledger.remember(&self.lease, name, kept).await {
            return Err(HandlerError::lease_lost());
        }
        self.say_done(name);
        Ok(())
    }

    fn say_done(&self, name: &str) {
        tracing::debug!(
            event.id = %self.identity,
            handler = &*self.target,
            attempt = self.attempt,
            step = name,
            "step done"
        );
    }
}

async fn in_span<T>(
    name: &str,
    work: impl Future<Output = Result<T, HandlerError>>,
) -> Result<T, HandlerError> {
    let span = Span::current().child(SpanKind::Internal, || {
        (format!("step {name}").into(), vec![KeyValue::new("step", name.to_owned())])
    });
    let result = span.around(work).await.inspect_err(|error| span.fail(&error.code))?;
    span.end();
    Ok(result)
}

/// A value as it is kept.
fn text_of<T: Serialize>(name: &str, value: &T) -> Result<String, HandlerError> {
    let json = serde_json::to_string(value)?;
    if json.len() > MAX_STEP_BYTES {
        return Err(too_large(name, json.len()));
    }
    Ok(json)
}

fn read<T: DeserializeOwned>(name: &str, kept: &str) -> Result<T, HandlerError> {
    match kept.strip_prefix(TOO_LARGE) {
        Some(bytes) => Err(too_large(name, bytes)),
        None => Ok(serde_json::from_str(kept)?),
    }
}

fn too_large(name: &str, bytes: impl std::fmt::Display) -> HandlerError {
    HandlerError::permanent(
        "STEP_TOO_LARGE",
        format!("step `{name}` gave {bytes} bytes, more than {MAX_STEP_BYTES}"),
    )
}
