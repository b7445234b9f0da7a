//! Authentic bodies that cannot be read as events: answered 200, kept in the dead letters.

use shared::clock::now_ms;
use shared::message::{DeathReason, Message};
use shared::testing::{Engine, on_every_engine};

use crate::events;
use crate::fixture::Fixture;

/// The dead letters, taken out; each must say why and keep to the rules.
async fn dead_letters(fixture: &Fixture, since_ms: i64) -> Vec<Message> {
    let letters = fixture.queues.drain("dead").await;
    let letters = letters.into_iter().map(|letter| {
        let message = letter.message.unwrap();
        let death = message.death.as_ref().unwrap();
        assert_eq!((death.reason, death.code.as_str()), (DeathReason::Unreadable, "UNREADABLE"));
        assert!(!death.error.is_empty());
        assert!((since_ms..=now_ms()).contains(&death.dead_ms));
        assert_eq!(message.attempt, 0);
        message
    });
    letters.collect()
}

async fn odd_whitespace_escapes_and_emoji_keep_every_byte(engine: Engine) {
    let fixture = Fixture::start(engine, &[]).await;
    let odd = [
        "{ \"eventId\" :\t1 ,\r\n \"portalId\":62515, \"subscriptionType\":\"deal.creation\",\"objectId\":3,\"occurredAt\":4 }",
        r#"{"eventId":2,"portalId":62515,"subscriptionType":"deal.propertyChange","objectId":3,"occurredAt":4,"propertyName":"name","propertyValue":"Zo\u00eb \ud83d\ude00 \/ 😀 — ä ]}\",[{"}"#,
        r#"{"eventId":3,"eventId":4,"portalId":62515,"subscriptionType":"deal.creation","objectId":3e0,"occurredAt":4,"extra":[[{}],1.50,1E3]}"#,
    ];
    let body = format!(" \r\n[\t{} ,\n\n{}\n,{} \t]\n ", odd[0], odd[1], odd[2]);
    let answer = fixture.post(body).await;
    answer.assert_received(3);
    assert_eq!(dead_letters(&fixture, 0).await, []);
    fixture.assert_work_is(&odd).await;
    fixture.finish().await;
}

async fn one_bad_element_goes_to_the_dead_letters_and_its_neighbours_to_work(engine: Engine) {
    let fixture = Fixture::start(engine, &[]).await;
    let bad: [&[u8]; 5] = [
        b"{\"no\": \"ids\"}",
        b"42",
        b"{\"eventId\":1,\"portalId\":2,\"subscriptionType\":\"deal.creation\",\"objectId\":3,\"occurredAt\":4,\"propertyValue\":\"\xff\xfe\"}",
        b"null",
        b"[{\"eventId\":1}]",
    ];
    let mut neighbours = Vec::new();
    for bad in bad {
        let since_ms = now_ms();
        let (first, last) = (events::fresh(), events::fresh());
        let body = [b"[", first.as_bytes(), b",", bad, b" ,", last.as_bytes(), b"]"].concat();
        fixture.post(body).await.assert_received(3);
        let dead = dead_letters(&fixture, since_ms).await;
        let bodies: Vec<&[u8]> = dead.iter().map(|message| &message.event.body()[..]).collect();
        assert_eq!(bodies, [bad]);
        neighbours.extend([first, last]);
    }
    fixture.assert_work_is(&neighbours).await;
    assert!((fixture.metric("hubline_unreadable_events_total").await - 5.0).abs() < 0.5);
    assert!((fixture.metric("hubline_received_events_total").await - 15.0).abs() < 0.5);
    fixture.finish().await;
}

async fn a_signed_body_that_is_no_batch_is_kept_whole(engine: Engine) {
    let fixture = Fixture::start(engine, &[]).await;
    let unclosed = format!("[{}", events::fresh());
    let bodies: [&[u8]; 6] =
        [b"not json at all", b"", b"\"text\"", b"\xff\xfe\x00", b"[1,2", unclosed.as_bytes()];
    for body in bodies {
        let since_ms = now_ms();
        fixture.post(body).await.assert_received(1);
        let dead = dead_letters(&fixture, since_ms).await;
        assert_eq!(dead.len(), 1);
        assert_eq!(&dead[0].event.body()[..], body);
    }
    fixture.finish().await;
}

async fn an_empty_batch_is_received_and_publishes_nothing(engine: Engine) {
    let fixture = Fixture::start(engine, &[]).await;
    for body in ["[]", " [ \n] "] {
        fixture.post(body).await.assert_received(0);
    }
    fixture.finish().await;
}

async fn a_lone_object_is_a_batch_of_one(engine: Engine) {
    let fixture = Fixture::start(engine, &[]).await;
    let event = events::fresh();
    fixture.post(event.clone()).await.assert_received(1);
    fixture.assert_work_is(&[&event]).await;
    fixture.finish().await;
}

on_every_engine! {
    odd_whitespace_escapes_and_emoji_keep_every_byte
    one_bad_element_goes_to_the_dead_letters_and_its_neighbours_to_work
    a_signed_body_that_is_no_batch_is_kept_whole
    an_empty_batch_is_received_and_publishes_nothing
    a_lone_object_is_a_batch_of_one
}
