//! Letters of a contact that HubSpot deleted for privacy keep no content, whenever they come in.

use shared::message::{Death, DeathReason, Message};
use shared::origin::Origin;
use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::dead_letters::{Filter, Grouping, State};

use super::rig::{Letters, again, records};
use crate::harness::fresh;

const PORTAL: u64 = 62515;
const CONTACT: u64 = 42;
const SECRET: &str = "jane@example.com";

/// A letter about a record; its event and its error both quote the secret.
fn letter(subscription_type: &str, portal: u64, event_id: u64, more: &str) -> Message {
    let body = format!(
        r#"{{"eventId":{event_id},"portalId":{portal},"appId":5,"occurredAt":1790000000000,"subscriptionType":"{subscription_type}",{more},"propertyName":"email","propertyValue":"{SECRET}"}}"#
    );
    let error = format!("ERP answered 422: {SECRET} is not valid");
    let death = Death::new(DeathReason::Permanent, "ERP_422", &error, shared::clock::now_ms());
    let target = Some("on_contact_created".to_owned());
    Message { attempt: 1, target, death: Some(death), ..fresh(&body) }
}

/// Every spelling of an event of the contact.
fn of_the_contact() -> Vec<Message> {
    let object = format!(r#""objectId":{CONTACT}"#);
    let generic = format!(r#"{object},"objectTypeId":"0-1""#);
    let association = format!(r#""fromObjectId":{CONTACT},"toObjectId":7"#);
    vec![
        letter("contact.creation", PORTAL, 1, &object),
        letter("contact.propertyChange", PORTAL, 2, &object),
        letter("contact.somethingNew", PORTAL, 3, &object),
        letter("object.propertyChange", PORTAL, 4, &generic),
        letter("contact.associationChange", PORTAL, 5, &association),
        // As HubSpot's own test button spells it.
        letter("contact.creation", PORTAL, 6, &format!(r#""objectId":"{CONTACT}""#)),
    ]
}

/// Others with the same number.
fn of_others() -> Vec<Message> {
    let object = format!(r#""objectId":{CONTACT}"#);
    vec![
        letter("contact.creation", 9, 11, &object),
        letter("deal.creation", PORTAL, 12, &object),
        letter("company.propertyChange", PORTAL, 13, &object),
        letter("object.propertyChange", PORTAL, 14, &format!(r#"{object},"objectTypeId":"0-3""#)),
        letter("object.propertyChange", PORTAL, 15, &format!(r#"{object},"objectTypeId":"2-1""#)),
        letter("contact.creation", PORTAL, 16, r#""objectId":43"#),
    ]
}

/// Whether the letters of these messages all have their content (`true`), or none of them has any.
async fn have_content(rig: &Letters, messages: &[Message]) -> bool {
    let letters = rig.records.list(&Filter::default(), None, 1000).await.unwrap().letters;
    let mut content = Vec::new();
    for message in messages {
        let identity = message.event.identity.to_string();
        let of = letters.iter().filter(|letter| letter.identity == identity);
        for letter in of {
            let body = rig.records.body(letter.id).await.unwrap();
            assert_eq!(letter.body_bytes.is_some(), body.is_some());
            assert_eq!(letter.error.is_empty(), body.is_none(), "{letter:?}");
            assert!(body.is_none_or(|body| body == *message.event.body()));
            content.push(letter.body_bytes.is_some());
        }
    }
    assert!(content.len() >= messages.len());
    assert!(content.iter().all(|it| *it == content[0]), "{content:?}");
    content[0]
}

async fn samples(rig: &Letters) -> Vec<String> {
    let groups = rig.records.groups(Grouping::Fingerprint, true).await.unwrap();
    groups.into_iter().filter_map(|group| group.sample).collect()
}

async fn the_letters_stay_and_their_content_goes(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let (contact, others) = (of_the_contact(), of_others());
    rig.index(&[contact.clone(), others.clone()].concat()).await;
    assert!(have_content(&rig, &contact).await && have_content(&rig, &others).await);
    let erased = records(&rig).erase_contact(&Origin::hubspot(PORTAL), CONTACT).await.unwrap();
    assert_eq!(erased, contact.len() as u64);
    assert!(!have_content(&rig, &contact).await);
    assert!(have_content(&rig, &others).await);
    assert_eq!(rig.in_state(State::Dead).await, 12);
    rig.assert_counters().await;
    // Once more, as HubSpot may deliver it: nothing is left to erase.
    assert_eq!(records(&rig).erase_contact(&Origin::hubspot(PORTAL), CONTACT).await.unwrap(), 0);
    let mut export = rig.records.export(&Filter::default(), "ann").await.unwrap();
    let exported = export.next().await.unwrap();
    assert_eq!(exported.iter().filter(|exported| exported.body.is_none()).count(), 6);
    rig.finish().await;
}

async fn more_letters_than_one_statement_takes_are_erased(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let object = format!(r#""objectId":{CONTACT}"#);
    let messages: Vec<Message> =
        (1..=450).map(|id| letter("contact.propertyChange", PORTAL, id, &object)).collect();
    rig.index(&messages).await;
    assert_eq!(records(&rig).erase_contact(&Origin::hubspot(PORTAL), CONTACT).await.unwrap(), 450);
    assert!(!have_content(&rig, &messages).await);
    rig.finish().await;
}

async fn a_letter_that_comes_after_the_erasure_has_no_content(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let (contact, others) = (of_the_contact(), of_others());
    rig.put(&[contact.clone(), others.clone()].concat()).await;
    assert_eq!(records(&rig).erase_contact(&Origin::hubspot(PORTAL), CONTACT).await.unwrap(), 0);
    crate::erasure::refuse_content(&rig.database, "dead_letter").await;
    rig.drain().await;
    let later: Vec<Message> = contact.iter().map(again).collect();
    rig.index(&later).await;
    // What is known already and comes once more changes nothing.
    rig.index(&contact).await;
    assert!(!have_content(&rig, &contact).await);
    assert!(have_content(&rig, &others).await);
    rig.assert_counters().await;
    rig.finish().await;
}

async fn a_problem_is_shown_by_a_letter_that_still_says_something(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let (contact, others) = (of_the_contact(), of_others());
    // The contact's come last, and so they are what the problem is shown by.
    rig.index(&others[..1]).await;
    rig.index(&contact).await;
    let groups = rig.records.groups(Grouping::Fingerprint, true).await.unwrap();
    assert_eq!((groups.len(), groups[0].dead), (1, 7), "{groups:?}");
    assert!(groups[0].sample_id.unwrap() > 1);
    records(&rig).erase_contact(&Origin::hubspot(PORTAL), CONTACT).await.unwrap();
    let groups = rig.records.groups(Grouping::Fingerprint, true).await.unwrap();
    let other = rig.records.show(groups[0].sample_id.unwrap()).await.unwrap().unwrap().letter;
    assert_eq!(
        (other.origin, other.error),
        (Origin::hubspot(9), groups[0].sample.clone().unwrap())
    );
    records(&rig).erase_contact(&Origin::hubspot(9), CONTACT).await.unwrap();
    assert_eq!(samples(&rig).await, [""]);
    let stored = rig.database.number("SELECT count(*) FROM problem WHERE sample_id > 0").await;
    assert_eq!(stored, 1);
    rig.finish().await;
}

/// The last moment: the letters are being written by somebody who has seen no tombstone, and it is
/// there when they are.
async fn an_erasure_between_the_look_and_the_commit_is_made_up_for(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    rig.index(&[]).await;
    crate::erasure::bury_on_insert(&rig.database, "dead_letter").await;
    let (contact, others) = (of_the_contact(), of_others());
    rig.index(&contact).await;
    assert!(!have_content(&rig, &contact).await);
    let count = rig.database.number("SELECT count(*) FROM erasure").await;
    assert_eq!(count, 1);
    rig.index(&others[1..5]).await;
    assert!(have_content(&rig, &others[1..5]).await);
    rig.finish().await;
}

async fn letters_about_no_contact_are_not_held_up_by_looking(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    rig.index(&[]).await;
    rig.database.run("DROP TABLE erasure").await;
    let others = &of_others()[1..5];
    rig.index(others).await;
    assert!(have_content(&rig, others).await);
    rig.finish().await;
}

async fn however_erasing_and_indexing_meet_no_content_is_left(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    let mut messages = Vec::new();
    for contact in 1..=30 {
        let some: Vec<Message> = (1..=5)
            .map(|event| {
                let object = format!(r#""objectId":{contact}"#);
                letter("contact.propertyChange", PORTAL, contact * 10 + event, &object)
            })
            .collect();
        rig.put(&some[..2]).await;
        let records = records(&rig);
        let origin = Origin::hubspot(PORTAL);
        let ((), _, erased) = tokio::join!(
            rig.put(&some[2..]),
            rig.drain(),
            records.erase_contact(&origin, contact),
        );
        erased.unwrap();
        messages.extend(some);
    }
    rig.drain().await;
    assert!(!have_content(&rig, &messages).await);
    rig.assert_counters().await;
    rig.finish().await;
}

on_every_database! {
    the_letters_stay_and_their_content_goes
    more_letters_than_one_statement_takes_are_erased
    a_letter_that_comes_after_the_erasure_has_no_content
    a_problem_is_shown_by_a_letter_that_still_says_something
    an_erasure_between_the_look_and_the_commit_is_made_up_for
    letters_about_no_contact_are_not_held_up_by_looking
    however_erasing_and_indexing_meet_no_content_is_left
}

/// What SQLite deletes it leaves in its file, unless it is told to write over it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_in_the_bytes_of_a_file() {
    let rig = Letters::new(DatabaseEngine::Sqlite).await;
    let object = format!(r#""objectId":{CONTACT}"#);
    let mut messages = Vec::new();
    for (id, size) in [(1, 10), (2, 3000), (3, 100_000)] {
        let more = format!(r#"{object},"note":"{}""#, SECRET.repeat(size / SECRET.len() + 1));
        messages.push(letter("contact.propertyChange", PORTAL, id, &more));
    }
    rig.index(&messages).await;
    let bytes = async || {
        rig.database.run("PRAGMA wal_checkpoint(TRUNCATE)").await;
        let file = std::fs::read(rig.database.file()).unwrap();
        file.windows(SECRET.len()).filter(|bytes| *bytes == SECRET.as_bytes()).count()
    };
    assert!(bytes().await > 6000);
    records(&rig).erase_contact(&Origin::hubspot(PORTAL), CONTACT).await.unwrap();
    assert_eq!(bytes().await, 0);
    rig.finish().await;
}
