//! The way out to tenants' databases: one row, and what became of it.
//!
//! Owns connections and their TLS, timeouts, the bound on answers, and what a failure to get one means. Where
//! a database is is looked at for each connection, and the connection is made to what was looked at. It
//! repeats no password and no address in an error.

mod bounded;
mod connecting;
mod database;
mod pool;
#[cfg(test)]
mod tests;
mod tls;

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::ExposeSecret as _;
use shared::trace::{KeyValue, Span, SpanKind};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use super::http::plain;
use crate::destination::Meaning;
use crate::destination::address::{Allow, Refused};
use crate::destination::postgres::{Row, SqlFault};
use crate::error::HandlerError;
use crate::metrics::{ApiStatus, WorkerMetrics};
use crate::service::Service;
use crate::tenants::Timeouts;

pub(crate) use database::Database;

use connecting::NoConnection;

/// So much of what a database says is told, in characters.
const SAID: usize = 300;

/// Every database's way out.
pub(crate) struct Databases {
    allow: Arc<Allow>,
    metrics: WorkerMetrics,
}

/// How a statement ended.
enum Ended {
    Done,
    Refused(SqlFault),
    /// Without an answer.
    Broken(Error),
}

impl Databases {
    /// Calls nobody yet.
    pub(crate) fn new(allow: Arc<Allow>, metrics: WorkerMetrics) -> Self {
        Self { allow, metrics }
    }

    /// Writes the row. What the database says against it is no error here.
    pub(crate) async fn write(
        &self,
        database: &Database,
        row: &Row,
        timeouts: Timeouts,
    ) -> Result<Option<SqlFault>, HandlerError> {
        let span = Span::current().child(SpanKind::Client, || {
            let mut attributes = vec![KeyValue::new("api", Service::Destination.as_str())];
            attributes.push(KeyValue::new("db.system.name", "postgresql"));
            ("INSERT".into(), attributes)
        });
        let started = Instant::now();
        let writing = Box::pin(self.written(database, row, timeouts));
        let written = tokio::time::timeout(timeouts.whole, writing).await;
        let written = written.unwrap_or_else(|_| Err(too_slow("did not answer", timeouts.whole)));
        let status = match &written {
            Ok(None) => ApiStatus::Success,
            Ok(Some(fault)) if fault.is_down() => ApiStatus::Failed,
            Ok(Some(_)) => ApiStatus::Refused,
            Err(error) if error.code == Service::Destination.code("TIMEOUT") => ApiStatus::Timeout,
            Err(_) => ApiStatus::Unreachable,
        };
        match &written {
            Ok(None) => {}
            Ok(Some(fault)) => span.fail(&fault.code()),
            Err(error) => span.fail(&error.code),
        }
        self.metrics.api_call(Service::Destination, status, started.elapsed());
        written
    }

    async fn written(
        &self,
        database: &Database,
        row: &Row,
        timeouts: Timeouts,
    ) -> Result<Option<SqlFault>, HandlerError> {
        let _room = database.pool.enter().await;
        if let Some(client) = database.pool.take() {
            match ended(database, &client, row).await {
                Ended::Done => {
                    database.pool.put(client);
                    return Ok(None);
                }
                Ended::Refused(fault) if fault.meaning() == Meaning::Permanent => {
                    database.pool.put(client);
                    return Ok(Some(fault));
                }
                // It was closed while it stood idle, or leads to a server that takes no rows any more, as others
                // then are: that says nothing of the database. Was the row written all the same, it is once more.
                Ended::Refused(_) | Ended::Broken(_) => database.pool.clear(),
            }
        }
        let connecting = connecting::connect(database, &self.allow, timeouts);
        let client = match tokio::time::timeout(timeouts.connect, connecting).await {
            Ok(Ok(client)) => client,
            Ok(Err(NoConnection::Refused(refused))) => return Err(refusal(refused)),
            Ok(Err(NoConnection::Io(error))) => return Err(unreachable(&error.to_string())),
            Ok(Err(NoConnection::Login(error))) => return fault_of(database, &error).map(Some),
            Err(_) => return Err(too_slow("has no connection to offer", timeouts.connect)),
        };
        match ended(database, &client, row).await {
            Ended::Done => {
                database.pool.put(client);
                Ok(None)
            }
            Ended::Refused(fault) => {
                if fault.meaning() == Meaning::Permanent {
                    database.pool.put(client);
                }
                Ok(Some(fault))
            }
            Ended::Broken(error) => Err(unreachable(&causes(&error))),
        }
    }
}

/// In one round trip, and with no name on the server: a pooler in between may give each statement another
/// connection.
async fn ended(database: &Database, client: &Client, row: &Row) -> Ended {
    match client.execute_typed(&row.statement, &[(&row.values, Type::TEXT)]).await {
        Ok(_) => Ended::Done,
        Err(error) => match fault_of(database, &error) {
            Ok(fault) => Ended::Refused(fault),
            Err(_) => Ended::Broken(error),
        },
    }
}

/// What the database says, if it is its word.
fn fault_of(database: &Database, error: &Error) -> Result<SqlFault, HandlerError> {
    let Some(said) = error.as_db_error() else { return Err(unreachable(&causes(error))) };
    // Before it is cut: a part of a password would not be found.
    let password = database.login.password.expose_secret();
    let message = said.message().replace(password, "[secret]");
    Ok(SqlFault::of(said.code().code(), &plain(&message, SAID)))
}

fn causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// The address is none that is called. Trying again cannot help: its owner has to change it.
fn refusal(refused: Refused) -> HandlerError {
    HandlerError::permanent(Service::Destination.code("REFUSED"), refused)
}

fn unreachable(why: &str) -> HandlerError {
    let message = format!("the database cannot be reached: {}", plain(why, SAID));
    HandlerError::transient(Service::Destination.code("UNREACHABLE"), message)
}

fn too_slow(what: &str, limit: Duration) -> HandlerError {
    let message = format!("the database {what} within {} ms", limit.as_millis());
    HandlerError::transient(Service::Destination.code("TIMEOUT"), message)
}
