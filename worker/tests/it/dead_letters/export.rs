//! An export has every letter that matches, with its bytes, some at a time.

use bytes::Bytes;
use shared::message::Message;
use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::dead_letters::Filter;

use super::rig::{Letters, letter, with_body};

async fn an_export_is_whole_and_never_holds_much(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let mut messages: Vec<Message> = (1..=1200).map(|id| letter(id, "A", "x")).collect();
    for large in 0..6_u8 {
        let body = Bytes::from(vec![large; 3 * 1024 * 1024]);
        messages.push(with_body(letter(5000 + u64::from(large), "A", "x"), body));
    }
    rig.index(&messages).await;
    rig.index(&[letter(9000, "B", "x")]).await;
    let filter = Filter { code: Some("A".to_owned()), ..Filter::default() };
    let mut export = rig.records.export(&filter, "ann").await.unwrap();
    // It is known before the first byte is given out.
    let act = rig.records.audit(1).await.unwrap().remove(0);
    assert_eq!((&*act.who, &*act.action, &*act.filter), ("ann", "export", "code=A"));
    assert_eq!(usize::try_from(act.count).unwrap(), messages.len());
    rig.index(&[letter(9001, "A", "x")]).await;
    let (mut bodies, mut ids) = (Vec::new(), Vec::new());
    loop {
        let batch = export.next().await.unwrap();
        if batch.is_empty() {
            break;
        }
        let bytes: usize = batch.iter().map(|it| it.body.as_ref().unwrap().len()).sum();
        assert!(bytes < 8 * 1024 * 1024, "{bytes}");
        ids.extend(batch.iter().map(|it| it.letter.id));
        bodies.extend(batch.into_iter().map(|it| Bytes::from(it.body.unwrap())));
    }
    assert!(ids.is_sorted_by(|one, next| one < next));
    bodies.sort();
    let mut expected: Vec<Bytes> =
        messages.into_iter().map(|message| message.event.body().clone()).collect();
    expected.sort();
    assert!(bodies == expected, "{} of {}", bodies.len(), expected.len());
    rig.finish().await;
}

async fn letters_that_are_deleted_on_the_way_do_not_end_an_export(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    // Each is as much as is read at once.
    let large = |number: u8| {
        let body = Bytes::from(vec![number; 4 * 1024 * 1024]);
        with_body(letter(u64::from(number), "A", "x"), body)
    };
    for number in 1..=4 {
        rig.index(&[large(number)]).await;
    }
    let mut export = rig.records.export(&Filter::default(), "ann").await.unwrap();
    let first = export.next().await.unwrap().remove(0).letter;
    rig.database
        .run(&format!("DELETE FROM dead_letter WHERE id IN ({}, {})", first.id + 1, first.id + 2))
        .await;
    let next: Vec<i64> = export.next().await.unwrap().iter().map(|it| it.letter.id).collect();
    assert_eq!(next, [first.id + 3]);
    assert!(export.next().await.unwrap().is_empty());
    rig.finish().await;
}

on_every_database! {
    an_export_is_whole_and_never_holds_much
    letters_that_are_deleted_on_the_way_do_not_end_an_export
}
