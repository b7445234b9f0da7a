//! A point between two writes of a child: what it does next never comes to an end, so that it
//! can be killed right there.

use std::sync::Arc;

use shared::testing::{DataFile, Place, Proxy, Write, amqp_url, redis_url};

use super::Rig;

/// A child's end before its time. Prepared before the child starts, begun while it is up.
pub(crate) enum Standstill {
    /// A server's answers are held back: for all the child knows, nothing was carried out.
    Mute {
        /// Between the child and the server.
        proxy: Proxy,
        /// How the child is told to go that way.
        flags: [String; 2],
    },
    /// The write that comes next is refused.
    Refused {
        /// By this file.
        file: Arc<DataFile>,
        /// This one.
        write: Write,
    },
}

impl Standstill {
    /// The completion is written, and the message is not acked.
    pub(crate) async fn after_completion(rig: &Rig) -> Self {
        Self::on(rig, ("--redis-url", redis_url()), Write::Ack).await
    }

    /// The retry is published, and the claim is not given back.
    pub(crate) async fn after_retry(rig: &Rig) -> Self {
        Self::on(rig, ("--amqp-url", amqp_url()), Write::Release).await
    }

    async fn on(rig: &Rig, (flag, url): (&str, String), write: Write) -> Self {
        match &rig.queues {
            Place::Cluster { .. } => {
                let proxy = Proxy::start(&Proxy::server_of(&url)).await;
                let flags = [flag.to_owned(), proxy.url(&url)];
                Self::Mute { proxy, flags }
            }
            Place::Embedded(file) => Self::Refused { file: Arc::clone(file), write },
        }
    }

    /// What the child must be told beside `flags`.
    pub(crate) fn flags<'a>(&'a self, flags: &[&'a str]) -> Vec<&'a str> {
        let more = match self {
            Self::Mute { flags, .. } => &flags[..],
            Self::Refused { .. } => &[],
        };
        flags.iter().copied().chain(more.iter().map(String::as_str)).collect()
    }

    /// From here on.
    pub(crate) async fn begin(&self) {
        match self {
            Self::Mute { proxy, .. } => proxy.mute_server(),
            Self::Refused { file, write } => file.refuse(*write).await,
        }
    }

    /// The child is gone, and others go on where it was.
    pub(crate) async fn end(self) {
        match self {
            Self::Mute { proxy, .. } => proxy.restore(),
            Self::Refused { file, .. } => file.refuse_nothing().await,
        }
    }
}
