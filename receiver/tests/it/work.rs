//! What stands in a test's work queues, whatever the engine. Looking takes it out.

use std::collections::{BTreeMap, BTreeSet};

use shared::message::Message;
use shared::testing::Place;

/// Everything, by queue.
pub(crate) async fn by_queue(queues: &Place) -> BTreeMap<String, Vec<Message>> {
    let mut work = BTreeMap::new();
    for queue in queues.work_queues() {
        let letters = queues.drain(&queue).await;
        // On RabbitMQ the key is the shard.
        let key = queue.strip_prefix("work.").unwrap_or(&queue);
        let messages = letters.into_iter().map(|letter| {
            assert_eq!(letter.routing_key, key);
            letter.message.unwrap()
        });
        let messages = messages.collect();
        work.insert(queue, messages);
    }
    work
}

/// The bodies of everything, sorted.
pub(crate) async fn bodies(queues: &Place) -> Vec<Vec<u8>> {
    let work = by_queue(queues).await;
    let mut bodies: Vec<Vec<u8>> =
        work.into_values().flatten().map(|message| message.event.body().to_vec()).collect();
    bodies.sort_unstable();
    bodies
}

/// Exactly these events wait, byte for byte.
pub(crate) async fn assert_is<T: AsRef<[u8]>>(queues: &Place, events: &[T]) {
    let mut expected: Vec<&[u8]> = events.iter().map(AsRef::as_ref).collect();
    expected.sort_unstable();
    let found = bodies(queues).await;
    let shown = |bodies: &[&[u8]]| -> Vec<String> {
        bodies.iter().map(|body| String::from_utf8_lossy(body).into_owned()).collect()
    };
    let found: Vec<&[u8]> = found.iter().map(Vec::as_slice).collect();
    assert_eq!(shown(&found), shown(&expected));
    assert_eq!(found, expected);
}

/// Every one of these events waits, however often; tells how many others were there.
pub(crate) async fn assert_holds(queues: &Place, confirmed: &BTreeSet<Vec<u8>>) -> usize {
    assert!(!confirmed.is_empty());
    let found: BTreeSet<Vec<u8>> = bodies(queues).await.into_iter().collect();
    let lost = confirmed.difference(&found).count();
    assert_eq!(
        lost,
        0,
        "lost of {} that were answered 200; {} found",
        confirmed.len(),
        found.len()
    );
    found.len() - confirmed.len()
}
