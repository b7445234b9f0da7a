//! One supervised connection: connect, run a session until anything fails, drop all of it,
//! wait, again, without end. Knows nothing of what a session does.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties, Event};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::broker::Link;
use crate::metrics::BrokerMetrics;
use crate::retry::Reconnect;

/// lapin ignores the URI's `connection_timeout` on its async path.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// A connection that worked for so long is tried again at once when it fails; one that did not
/// may fail the same way every time.
const STABLE: Duration = Duration::from_secs(10);

/// What is needed to reach the broker.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) uri: AMQPUri,
    /// Shown in RabbitMQ's own tools.
    pub(super) name: String,
}

/// Keeps running `session` on fresh connections until `stop`. The session reports itself
/// through `link` when it is able to work.
pub(super) async fn supervise<S>(
    address: Address,
    metrics: BrokerMetrics,
    link: watch::Sender<Link>,
    stop: CancellationToken,
    mut session: S,
) where
    S: AsyncFnMut(&Arc<Connection>, &watch::Sender<Link>) -> Result<(), lapin::Error>,
{
    let mut reconnect = Reconnect::default();
    while !stop.is_cancelled() {
        let ended = match stop.run_until_cancelled(connect(&address)).await {
            None => break,
            Some(Err(error)) => error,
            Some(Ok(connection)) => {
                let (connection, since) = (Arc::new(connection), Instant::now());
                let ended = session(&connection, &link).await.map_err(|error| error.to_string());
                if *link.borrow() == Link::Up && since.elapsed() > STABLE {
                    reconnect.reset();
                }
                // Before the goodbye, which may take its time.
                link.send_replace(down(ended.as_ref().err()));
                close(&connection).await;
                match ended {
                    Ok(()) => break,
                    Err(error) => error,
                }
            }
        };
        link.send_replace(down(Some(&ended)));
        metrics.connection_failures.inc();
        let delay = reconnect.next_delay();
        tracing::warn!(
            connection = address.name,
            error = ended,
            retry_in_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
            "broker connection failed"
        );
        if stop.run_until_cancelled(tokio::time::sleep(delay)).await.is_none() {
            break;
        }
    }
    link.send_replace(down(None));
}

fn down(error: Option<&String>) -> Link {
    Link::Down(Arc::from(error.map_or("shut down", String::as_str)))
}

pub(super) async fn connect(address: &Address) -> Result<Connection, String> {
    let properties =
        ConnectionProperties::default().with_connection_name(address.name.as_str().into());
    match timeout(CONNECT_TIMEOUT, Connection::connect_uri(address.uri.clone(), properties)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no connection within {} s", CONNECT_TIMEOUT.as_secs())),
    }
}

/// Says goodbye, but does not wait for a broker that hangs: lapin then keeps the socket until
/// the broker closes it.
pub(super) async fn close(connection: &Connection) {
    let _ = timeout(CLOSE_TIMEOUT, connection.close(200, "done".into())).await;
}

/// Resolves with the error that ends `connection`.
pub(super) async fn failure(connection: &Connection) -> lapin::Error {
    watch(connection, |_| {}).await
}

/// Like [`failure`]; tells whether the broker takes messages each time this changes.
pub(super) async fn watch(connection: &Connection, blocked: impl Fn(bool)) -> lapin::Error {
    let mut events = std::pin::pin!(connection.events_listener());
    // What happened before there was a listener is told to nobody.
    if !connection.status().connected() {
        return aborted();
    }
    if connection.status().blocked() {
        blocked(true);
    }
    while let Some(event) = events.next().await {
        match event {
            Event::Error(error) => return error,
            Event::ConnectionBlocked(reason) => {
                tracing::warn!(broker.reason = reason, "broker blocks publishers");
                blocked(true);
            }
            Event::ConnectionUnblocked => {
                tracing::info!("broker takes messages again");
                blocked(false);
            }
            _ => {}
        }
    }
    aborted()
}

fn aborted() -> lapin::Error {
    std::io::Error::from(std::io::ErrorKind::ConnectionAborted).into()
}
