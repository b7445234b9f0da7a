//! How long a server that fails is tried again before the migration gives up.

use std::fmt::Display;
use std::time::Duration;

use shared::retry::Reconnect;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error::MigrateError;

/// Ends when it is spent, or when the migration is told to end.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    pub(crate) limit: Duration,
    pub(crate) interrupt: CancellationToken,
}

impl Patience {
    /// Tries until it works.
    pub(super) async fn persist<T, E: Display>(
        &self,
        server: &str,
        attempt: impl AsyncFn() -> Result<T, E>,
    ) -> Result<T, MigrateError> {
        let (mut reconnect, started) = (Reconnect::default(), Instant::now());
        loop {
            let error = match attempt().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let left = self.limit.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(self.spent(server, &error));
            }
            self.or_interrupted(tokio::time::sleep(reconnect.next_delay().min(left))).await?;
        }
    }

    /// Waits for something that says by itself when it works.
    pub(super) async fn wait(
        &self,
        server: &str,
        ready: impl Future<Output = ()>,
        reason: impl FnOnce() -> String,
    ) -> Result<(), MigrateError> {
        let waited = self.or_interrupted(tokio::time::timeout(self.limit, ready)).await?;
        waited.map_err(|_| self.spent(server, &reason()))
    }

    /// An error once the migration is to end.
    pub(super) fn check(&self) -> Result<(), MigrateError> {
        if self.interrupt.is_cancelled() { Err(MigrateError::Interrupted) } else { Ok(()) }
    }

    async fn or_interrupted<T>(&self, future: impl Future<Output = T>) -> Result<T, MigrateError> {
        let result = self.interrupt.run_until_cancelled(future).await;
        result.ok_or(MigrateError::Interrupted)
    }

    fn spent(&self, server: &str, reason: &impl Display) -> MigrateError {
        let (server, reason) = (server.to_owned(), reason.to_string());
        MigrateError::Server { server, patience: self.limit, reason }
    }
}
