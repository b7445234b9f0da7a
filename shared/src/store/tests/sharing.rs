//! What waits for the writer: for how much there is room, and what is committed together.

use super::*;

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_written_only_if_it_must_be() {
    let directory = Directory::new();
    let store = Arc::new(Store::open(&directory.0).await.unwrap());
    let stall = Stall::of(&store).await;
    let (mut given_up, mut awaited, mut write) = (
        Box::pin(store.write_if_awaited(7, Lasting::Disk, spend)),
        Box::pin(store.write_if_awaited(7, Lasting::Disk, spend)),
        Box::pin(store.write(spend)),
    );
    begin(&mut given_up).await;
    begin(&mut awaited).await;
    begin(&mut write).await;
    drop((given_up, write));
    stall.end().await;
    awaited.await.unwrap();
    assert_eq!(number(&store, WRITTEN).await, 2);
}

#[tokio::test]
async fn what_waits_is_bounded_in_bytes_and_has_room_again_when_it_is_done() {
    let directory = Directory::new();
    let store = Arc::new(Store::open(&directory.0).await.unwrap());
    let stall = Stall::of(&store).await;
    let ask = |bytes| store.write_if_awaited(bytes, Lasting::Disk, |_| Ok(()));
    let (mut first, mut second) =
        (Box::pin(ask(MAX_WAITING_BYTES / 2)), Box::pin(ask(MAX_WAITING_BYTES / 2)));
    begin(&mut first).await;
    begin(&mut second).await;
    assert_eq!(ask(1).await, Err(NotWritten::Crowded));
    // Given up, it still waits for its turn.
    drop(first);
    assert_eq!(ask(1).await, Err(NotWritten::Crowded));
    stall.end().await;
    second.await.unwrap();
    ask(MAX_WAITING_BYTES).await.unwrap();
}

#[tokio::test]
async fn what_waits_together_is_written_together() {
    let directory = Directory::new();
    let store = Arc::new(Store::open(&directory.0).await.unwrap());
    let stall = Stall::of(&store).await;
    let errands = (0..200).map(|_| store.write(|turn| spend(turn).map(|()| turn.now_ms())));
    let mut all = futures_util::future::join_all(errands);
    begin(&mut all).await;
    stall.end().await;
    let written = all.await;
    assert!(written.iter().all(Result::is_ok));
    assert_eq!(number(&store, WRITTEN).await, 200);
    // All were asked for before the writer had its turn: one transaction, one time.
    assert!(written.windows(2).all(|pair| pair[0] == pair[1]));
}
