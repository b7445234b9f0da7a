//! Whether the broker still answers on a connection that is open. A node whose network is gone says
//! nothing, and neither TCP nor a user that happens to wait would tell: so it is asked all the time, and
//! a connection without an answer is taken down, whatever it is used for.
//!
//! The kernel's `TCP_USER_TIMEOUT` is not used: it also ends connections to a broker that is well and
//! for a while reads nothing, as RabbitMQ does during an alarm.

use std::convert::Infallible;
use std::time::Duration;

use lapin::Channel;
use lapin::options::BasicQosOptions;
use tokio::time::{sleep, timeout};

use super::dial::Live;
use super::goodbye::close_channel;

const EVERY: Duration = Duration::from_secs(1);
/// How long an answer is waited for: as long as a confirm.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// The same where messages arrive: on a thin link an answer waits behind large ones.
pub(super) const CONSUMERS_PATIENCE: Duration = Duration::from_secs(10);

/// Asks on one connection, over a channel of its own.
pub(super) struct Pulse<'a> {
    live: &'a Live,
    channel: Option<Channel>,
    patience: Duration,
}

impl<'a> Pulse<'a> {
    pub(super) fn of(live: &'a Live, patience: Duration) -> Self {
        Self { live, channel: None, patience }
    }

    /// Asks until the connection ends, and takes it down if it does not answer. Waits for ever then.
    pub(super) async fn watch(&mut self, name: &str) -> Infallible {
        let status = self.live.connection.status();
        while status.connected() {
            sleep(EVERY).await;
            // An alarm: the broker reads nothing until it is over. Heartbeats tell of its death.
            if status.blocked() {
                continue;
            }
            match timeout(self.patience, self.ask()).await {
                Ok(Ok(())) => {}
                // The connection's own end, which its user learns as well.
                Ok(Err(_)) => self.channel = None,
                Err(_) if status.blocked() => {}
                Err(_) => {
                    tracing::warn!(
                        connection = name,
                        "broker does not answer on an open connection, which is given up"
                    );
                    self.live.socket.take_down();
                    break;
                }
            }
        }
        std::future::pending().await
    }

    /// What any broker answers at once, out of its own memory, and any user may ask.
    async fn ask(&mut self) -> Result<(), lapin::Error> {
        let channel = match &mut self.channel {
            Some(channel) => channel,
            None => self.channel.insert(self.live.connection.create_channel().await?),
        };
        channel.basic_qos(1, BasicQosOptions::default()).await
    }

    /// By name, before the connection is closed: else lapin takes its end for a failure.
    pub(super) async fn end(self) {
        if let Some(channel) = &self.channel
            && self.live.connection.status().connected()
        {
            close_channel(channel, "done").await;
        }
    }
}
