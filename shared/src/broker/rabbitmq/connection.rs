//! One supervised connection: connect, have it used until anything fails, drop all of it, wait,
//! again, without end. Knows nothing of what it is used for.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::{Connection, Event};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::dial::{Address, Live};
use super::goodbye::close_connection;
use super::pulse::Pulse;
use crate::link::Link;
use crate::metrics::BrokerMetrics;
use crate::retry::Reconnect;

/// A connection that worked for so long is tried again at once when it fails; one that did not
/// may fail the same way every time.
const STABLE: Duration = Duration::from_secs(10);

/// Keeps running `usage` on fresh connections until `stop`. It reports itself through `link` when it
/// is able to work. The broker has `patience` to answer while it works.
pub(super) async fn supervise<U>(
    address: Address,
    metrics: BrokerMetrics,
    link: watch::Sender<Link>,
    stop: CancellationToken,
    patience: Duration,
    mut usage: U,
) where
    U: AsyncFnMut(&Live, &watch::Sender<Link>) -> Result<(), lapin::Error>,
{
    let mut reconnect = Reconnect::default();
    while !stop.is_cancelled() {
        let ended = match stop.run_until_cancelled(address.connect()).await {
            None => break,
            Some(Err(error)) => error,
            Some(Ok(live)) => {
                let (since, mut pulse) = (Instant::now(), Pulse::of(&live, patience));
                let ended = tokio::select! {
                    ended = usage(&live, &link) => ended,
                    never = pulse.watch(&address.name) => match never {},
                };
                let ended = ended.map_err(|error| error.to_string());
                if *link.borrow() == Link::Up && since.elapsed() > STABLE {
                    reconnect.reset();
                }
                // Before the goodbye, which may take its time.
                link.send_replace(down(ended.as_ref().err()));
                pulse.end().await;
                close_connection(&live.connection).await;
                match ended {
                    Ok(()) => break,
                    Err(error) => {
                        address.was_of_no_use();
                        error
                    }
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
