//! The messages, from the file to RabbitMQ, batch by batch: published, confirmed, deleted.

use bytes::Bytes;
use shared::broker::{Exported, Publication, Route, Standing};
use shared::clock::now_ms;
use shared::message::{Death, DeathReason, Message};
use shared::senders::Sender;

use super::cluster::Cluster;
use super::error::MigrateError;
use super::moved::Moved;
use super::progress::Progress;
use super::source::Source;

/// Messages published before any is deleted, and published again if that is cut off. More of them
/// are no faster: this many are in flight at most.
const BATCH: u32 = 512;

/// Moves every message, until the file has none.
pub(super) async fn drain(
    source: &Source,
    cluster: &Cluster,
    mut progress: Progress,
    moved: &mut Moved,
) -> Result<(), MigrateError> {
    loop {
        cluster.patience.check()?;
        let exported = source.messages(BATCH).await?;
        if exported.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = exported.iter().map(|exported| exported.id).collect();
        let count = ids.len() as u64;
        let unreadable = exported.iter().filter(|exported| exported.message.is_err()).count();
        let batch: Vec<Publication> = exported.into_iter().map(publication).collect();
        cluster.publish(&batch).await?;
        source.forget(ids).await?;
        moved.messages += count;
        moved.unreadable += unreadable as u64;
        progress.advance(count);
    }
}

/// The message for RabbitMQ. One that waits goes on waiting for what is left of its wait.
fn publication(exported: Exported) -> Publication {
    let message = match exported.message {
        Ok(message) => message,
        Err(malformed) => {
            tracing::warn!(error = malformed.what, "message unreadable");
            return unreadable(malformed.body, malformed.what);
        }
    };
    let route = match exported.standing {
        Standing::Due(lane) => Route::Ready(lane),
        Standing::Waiting(lane, left) => Route::Later { lane, wait: left },
        Standing::Dead => Route::Dead,
    };
    // Jobs stay behind: those of the cluster have other numbers.
    Publication { route, message: Message { job: None, ..message } }
}

/// As a worker gives up a delivery that it cannot read.
fn unreadable(body: Bytes, what: &str) -> Publication {
    let death = Death::new(DeathReason::Unreadable, "UNREADABLE", what, now_ms());
    let message = Message::fresh(Sender::HubSpot.event(body), now_ms());
    let message = Message { attempt: 1, ..message }.dead(death);
    Publication { route: Route::Dead, message }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::broker::Lane;

    use super::*;

    fn route(standing: Standing) -> Route {
        let Publication { message, .. } = unreadable(Bytes::from_static(b"{}"), "");
        publication(Exported { id: 1, standing, message: Ok(message) }).route
    }

    #[test]
    fn what_waits_goes_on_waiting_for_what_is_left_however_long() {
        for left in [Duration::from_millis(59_999), Duration::from_secs(86_400 * 90)] {
            let expected = Route::Later { lane: Lane::Bulk, wait: left };
            assert_eq!(route(Standing::Waiting(Lane::Bulk, left)), expected);
        }
    }

    #[test]
    fn what_is_due_goes_to_its_lane_and_what_is_dead_to_the_dead_letters() {
        assert_eq!(route(Standing::Due(Lane::Bulk)), Route::Ready(Lane::Bulk));
        assert_eq!(route(Standing::Dead), Route::Dead);
    }
}
