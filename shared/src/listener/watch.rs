//! A connection's end when it lasts too long or has to give way: its dispatcher is dropped, and with
//! it the socket.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::time::{Instant, sleep_until};

use super::connection::Connection;
use super::connections::Connections;

/// Serves the connection, from `peer`, to its end.
pub(super) async fn watch<E>(
    served: impl Future<Output = Result<(), E>>,
    connections: Connections,
    connection: Arc<Connection>,
    peer: Option<SocketAddr>,
) -> Result<(), E> {
    connections.enter(&connection, peer).await;
    let _open = Open(&connections, &connection);
    let mut served = pin!(served);
    let mut alarm = pin!(sleep_until(connection.deadline()));
    poll_fn(|context| {
        // Before too: what was given up begins nothing any more.
        if connection.poll_evicted(context) {
            return Poll::Ready(Ok(()));
        }
        if let Poll::Ready(end) = served.as_mut().poll(context) {
            return Poll::Ready(end);
        }
        if connection.poll_evicted(context) || connection.has_too_large_a_head() {
            return Poll::Ready(Ok(()));
        }
        // All that moves the deadline happens in `served`. One that has moved on is looked at when
        // the alarm goes off, so that a request need not set it anew.
        loop {
            let deadline = connection.deadline();
            if deadline < alarm.deadline() {
                alarm.as_mut().reset(deadline);
            }
            if alarm.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            if deadline <= Instant::now() {
                connections.overdue(connection.phase());
                return Poll::Ready(Ok(()));
            }
            alarm.as_mut().reset(deadline);
        }
    })
    .await
}

/// Counted as open until it is dropped, however it ends.
struct Open<'a>(&'a Connections, &'a Arc<Connection>);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.remove(self.1);
    }
}
