//! Closing by name, but without waiting for a broker that hangs. What is only dropped lapin takes for
//! a failure.

use std::time::Duration;

use lapin::{Channel, Connection};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(2);

/// Closes a connection.
pub(super) async fn close_connection(connection: &Connection) {
    let _ = timeout(PATIENCE, connection.close(200, "done".into())).await;
}

/// Closes a channel.
pub(super) async fn close_channel(channel: &Channel, why: &str) {
    let _ = timeout(PATIENCE, channel.close(200, why.into())).await;
}
