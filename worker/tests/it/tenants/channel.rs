//! Events that become messages in a Slack channel, by an incoming webhook that is played.

use std::net::SocketAddr;

use shared::message::DeathReason;

use super::endpoint::{Answer, Endpoint};
use super::file::File;
use super::{rig_with, worker};
use crate::harness::{Admin, Engine, deal, on_every_engine, wait_for_verdicts};

/// The secret part of a webhook's address.
pub(super) const SECRET_PATH: &str = "/services/T0001/B0001/s3cr3t-of-a-channel";

/// One tenant whose deals are told in a channel, as often as it may be.
pub(super) fn channel(address: SocketAddr) -> File {
    let file = File::of(
        r#"
        tenants.acme = { origin = "hubspot/62515" }
        destinations.acme-chat = { tenant = "acme", slack = @secret, rate = "100/s" }
        routes.acme-news = { tenant = "acme", destination = "acme-chat" }
        "#,
    );
    let url = format!("http://{address}{SECRET_PATH}");
    std::fs::write(file.directory().join("secret"), url).unwrap();
    file
}

async fn an_event_is_told_in_a_channel_and_who_has_enough_is_left_alone(engine: Engine) {
    let wait = Answer(429, Some(("retry-after", "1".to_owned())), "rate_limited".to_owned());
    let slack = Endpoint::start([wait]);
    let file = channel(slack.address);
    let rig = rig_with(engine, &file, &[slack.address]).await;
    let worker = worker(&rig);
    let twice = rig.publish(&deal(7)).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    rig.publish_to(shared::broker::Lane::Work, twice).await;
    wait_for_verdicts(&worker, "duplicate", 1).await;
    let retried =
        Admin::of(&worker).sum("hubline_deliveries_total", &["verdict=\"retried\""]).await;
    worker.stop().await;
    let received = slack.received();
    assert_eq!((received.len(), retried), (2, 0));
    let message = &received[1];
    assert_eq!((&*message.method, &*message.uri), ("POST", SECRET_PATH));
    assert_eq!(message.header("content-type"), "application/json");
    assert!(!message.headers.iter().any(|(name, _)| name.starts_with("webhook-")), "{message:?}");
    let page = "https://app.hubspot.com/contacts/62515/record/0-3/7";
    let text = format!("{{\"text\":\"deal.creation · <{page}|7>\"}}");
    assert_eq!(message.body, text.as_bytes());
    rig.finish().await;
}

async fn a_message_that_slack_does_not_take_is_given_up_without_the_webhooks_address(
    engine: Engine,
) {
    // Where the text is cut, the secret's beginning would be left of it.
    let said = format!("invalid_payload {}{SECRET_PATH}", "x".repeat(280));
    let slack = Endpoint::start([Answer(400, None, said)]);
    let file = channel(slack.address);
    let rig = rig_with(engine, &file, &[slack.address]).await;
    let worker = worker(&rig);
    rig.publish(&deal(1)).await;
    let death = rig.queues.take("dead").await.message.unwrap().death.unwrap();
    worker.stop().await;
    assert_eq!((death.reason, &*death.code), (DeathReason::Permanent, "DESTINATION_400"));
    assert!(death.error.contains("invalid_payload"), "{}", death.error);
    assert!(!death.error.contains("/services"), "{}", death.error);
    rig.finish().await;
}

on_every_engine! {
    an_event_is_told_in_a_channel_and_who_has_enough_is_left_alone
    a_message_that_slack_does_not_take_is_given_up_without_the_webhooks_address
}
