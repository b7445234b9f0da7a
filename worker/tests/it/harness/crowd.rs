//! What tests with many events or broken networks need of a [`Rig`].

use std::ops::RangeInclusive;

use futures_util::future::join_all;
use shared::broker::{Lane, Publication, Route};
use shared::testing::{Proxy, amqp_url};
use tokio::time::Instant;

use super::admin::pause;
use super::{PATIENCE, Rig, deal, fresh, within};

/// A deal's creation in another portal.
pub(crate) fn deal_of(portal: u64, id: u64) -> String {
    deal(id).replace("62515", &portal.to_string())
}

impl Rig {
    /// Publishes the deals with these ids as one batch.
    pub(crate) async fn publish_all(&self, ids: RangeInclusive<u64>) {
        let publication =
            |id| Publication { route: Route::Ready(Lane::Work), message: fresh(&deal(id)) };
        let deadline = Instant::now() + PATIENCE;
        self.publisher.publish(ids.map(publication).collect(), deadline).await.unwrap();
    }

    /// From here on the settings, and so the workers, reach the broker through a proxy. The
    /// rig itself does not.
    pub(crate) async fn through_proxy(&mut self) -> Proxy {
        let proxy = Proxy::start(&Proxy::server_of(&amqp_url())).await;
        self.settings.broker.amqp_url = proxy.url(&amqp_url()).into();
        proxy
    }

    /// Waits until `queue` has `count` messages or more.
    pub(crate) async fn wait_for_messages(&self, queue: &str, count: u32) {
        let waiting = async {
            while self.queues.ready(queue).await < count {
                pause().await;
            }
        };
        within(&format!("{count} messages in {queue}"), waiting).await;
    }

    /// Waits until a message waits for its next attempt.
    pub(crate) async fn wait_for_retry(&self) {
        let waiting = async {
            while self.queues.waiting().await == 0 {
                pause().await;
            }
        };
        within("a retry", waiting).await;
    }

    /// Ends a test in which connections broke: copies of events that are done may be on their
    /// way yet, dead letters may not be there.
    pub(crate) async fn finish_with_copies(self) {
        let given_up = join_all([self.queues.ready("dead"), self.queues.ready("unrouted")]).await;
        assert_eq!(given_up, [0, 0], "dead and unrouted");
        self.queues.end().await;
    }
}
