//! A message as AMQP properties and headers, and back.
//!
//! Headers are scalars and always built anew. What a broker adds (`x-death`, delivery counts) is
//! never copied: a copied `x-death` made RabbitMQ 3.10 drop the message at its TTL.

use std::time::Duration;

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};

use super::topology::DELAY_HEADER;
use crate::event::{Event, Identity};
use crate::message::{Death, DeathReason, Message, OfJob};
use crate::retry::{Hop, delay_name};

/// Raised with every change of the headers.
const VERSION: i64 = 2;
/// What is said of a message of another version; one line, which says how to be rid of them.
const OTHER_VERSION: &str = "it was published by another build, whose hubline-version is not 2: run that \
    build's workers until its queues are empty, and retry or discard its dead letters there";
/// What is left of a wait when the message comes back. A time to come back at would need clocks
/// that agree.
const REST_HEADER: &str = "hubline-rest-ms";
const PERSISTENT: u8 = 2;

/// A delivery whose properties are not those of a Hubline message; its bytes are kept.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a Hubline message: {what}")]
pub struct MalformedMessage {
    /// Which property is missing or wrong.
    pub what: &'static str,
    /// Whether nothing of Hubline's is there at all, as when it was published by hand.
    pub is_foreign: bool,
    /// The body as it was.
    pub body: Bytes,
}

/// The properties of `message`; with a `hop`, of its stay in that queue.
pub(crate) fn encode(message: &Message, hop: Option<&Hop>) -> BasicProperties {
    let mut headers = FieldTable::default();
    let mut put = |name: &str, value: AMQPValue| {
        headers.insert(name.into(), value);
    };
    put("hubline-version", AMQPValue::LongLongInt(VERSION));
    put("hubline-origin", text(&message.event.origin.to_string()));
    put("hubline-attempt", integer(message.attempt));
    put("hubline-received-ms", AMQPValue::LongLongInt(message.received_ms));
    put("hubline-generation", integer(message.generation));
    if let Some(target) = &message.target {
        put("hubline-target", text(target));
    }
    if let Some(traceparent) = &message.traceparent {
        put("traceparent", text(traceparent));
    }
    if let Some(job) = message.job {
        put("hubline-job", integer(job.id));
        put("hubline-job-attempt", integer(job.attempt));
    }
    if let Some(waiting) = &message.waiting {
        put("hubline-waiting", text(&waiting.to_string()));
    }
    if let Some(death) = &message.death {
        put("hubline-reason", text(death.reason.as_str()));
        put("hubline-code", text(&death.code));
        put("hubline-error", text(&death.error));
        put("hubline-dead-ms", AMQPValue::LongLongInt(death.dead_ms));
        put("hubline-steps", text(&death.steps_text()));
    }
    if let Some(hop) = hop {
        put(DELAY_HEADER, text(&delay_name(hop.delay)));
        if !hop.rest.is_zero() {
            let rest = i64::try_from(hop.rest.as_millis()).unwrap_or(i64::MAX);
            put(REST_HEADER, AMQPValue::LongLongInt(rest));
        }
    }
    let mut properties = BasicProperties::default()
        .with_message_id(message.event.identity.as_ref().into())
        .with_content_type("application/json".into())
        .with_delivery_mode(PERSISTENT)
        .with_timestamp(u64::try_from(message.received_ms / 1000).unwrap_or(0))
        .with_headers(headers);
    if !message.event.topic.is_empty() {
        properties = properties.with_type(short(&message.event.topic).into());
    }
    if let Some(hop) = hop {
        properties = properties.with_expiration(hop.ttl.as_millis().to_string().into());
    }
    properties
}

/// What is left of the wait of a message with these properties. It is no part of the message: what
/// becomes of one anywhere else is not made to wait.
pub(crate) fn rest(properties: &BasicProperties) -> Duration {
    let headers = properties.headers().as_ref();
    let rest = headers.and_then(|headers| whole(headers, REST_HEADER));
    Duration::from_millis(rest.and_then(|rest| u64::try_from(rest).ok()).unwrap_or_default())
}

/// The message that `properties` and `body` stand for.
pub(crate) fn decode(
    properties: &BasicProperties,
    body: Bytes,
) -> Result<Message, MalformedMessage> {
    read(properties, &body).map_err(|what| {
        let headers = properties.headers().as_ref();
        let is_foreign =
            headers.is_none_or(|headers| !headers.inner().contains_key("hubline-version"));
        MalformedMessage { what, is_foreign, body }
    })
}

fn read(properties: &BasicProperties, body: &Bytes) -> Result<Message, &'static str> {
    let headers = properties.headers().as_ref().ok_or("no headers")?;
    match whole(headers, "hubline-version") {
        Some(VERSION) => {}
        Some(_) => return Err(OTHER_VERSION),
        None => return Err("hubline-version is missing"),
    }
    let message_id = properties.message_id().as_ref().ok_or("no message_id")?;
    let identity: Identity =
        message_id.as_str().parse().map_err(|_| "message_id is not an identity")?;
    let number = |name: &str| whole(headers, name).and_then(|number| u64::try_from(number).ok());
    let job_attempt = number("hubline-job-attempt").and_then(|attempt| u32::try_from(attempt).ok());
    let origin = string(headers, "hubline-origin").and_then(|origin| origin.parse().ok());
    let origin = origin.ok_or("hubline-origin is missing or wrong")?;
    let topic = properties.kind().as_ref().map(ToString::to_string).unwrap_or_default();
    Ok(Message {
        event: Event::new(origin, topic, identity, body.clone()),
        attempt: number("hubline-attempt")
            .and_then(|number| u32::try_from(number).ok())
            .ok_or("hubline-attempt is missing or wrong")?,
        target: string(headers, "hubline-target"),
        received_ms: whole(headers, "hubline-received-ms")
            .ok_or("hubline-received-ms is missing")?,
        generation: number("hubline-generation")
            .and_then(|number| u32::try_from(number).ok())
            .ok_or("hubline-generation is missing or wrong")?,
        traceparent: string(headers, "traceparent"),
        job: number("hubline-job").map(|id| OfJob { id, attempt: job_attempt.unwrap_or_default() }),
        waiting: string(headers, "hubline-waiting").and_then(|text| text.parse().ok()),
        death: death(headers),
    })
}

fn death(headers: &FieldTable) -> Option<Death> {
    let reason: DeathReason = string(headers, "hubline-reason")?.parse().ok()?;
    Some(Death {
        reason,
        code: string(headers, "hubline-code").unwrap_or_default(),
        error: string(headers, "hubline-error").unwrap_or_default(),
        dead_ms: whole(headers, "hubline-dead-ms").unwrap_or_default(),
        steps: Death::steps_of(&string(headers, "hubline-steps").unwrap_or_default()),
    })
}

fn whole(headers: &FieldTable, name: &str) -> Option<i64> {
    match headers.inner().get(name)? {
        AMQPValue::LongLongInt(number) => Some(*number),
        AMQPValue::LongInt(number) => Some(i64::from(*number)),
        AMQPValue::LongUInt(number) => Some(i64::from(*number)),
        AMQPValue::ShortInt(number) => Some(i64::from(*number)),
        AMQPValue::ShortShortInt(number) => Some(i64::from(*number)),
        _ => None,
    }
}

fn string(headers: &FieldTable, name: &str) -> Option<String> {
    match headers.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

fn integer(number: impl Into<u64>) -> AMQPValue {
    AMQPValue::LongLongInt(i64::try_from(number.into()).unwrap_or(i64::MAX))
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// AMQP's short strings hold 255 bytes.
fn short(value: &str) -> &str {
    &value[..value.floor_char_boundary(255)]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;
    use crate::origin::{Origin, Sender};

    fn message() -> Message {
        Message {
            event: Event::new(
                Origin::hubspot(62_515),
                "deal.creation".to_owned(),
                Identity::of_unreadable(b"x"),
                Bytes::from_static(b"{\"eventId\": 1}"),
            ),
            attempt: 3,
            target: Some("on_deal_created".to_owned()),
            received_ms: 1_769_081_994_066,
            generation: 1,
            traceparent: Some("00-aa-bb-01".to_owned()),
            job: Some(OfJob { id: 12, attempt: 2 }),
            waiting: Some("1700000000000 hubspot/62515 slack/#wins".parse().unwrap()),
            death: Some(
                Death::new(DeathReason::Exhausted, "SLACK_5XX", "503", 7)
                    .after(vec!["erp".to_owned(), "slack".to_owned()]),
            ),
        }
    }

    #[test]
    fn a_message_comes_back_as_it_was() {
        let properties = encode(&message(), None);
        assert_eq!(rest(&properties), Duration::ZERO);
        assert_eq!(decode(&properties, message().event.body().clone()).unwrap(), message());
    }

    fn hop(rest_ms: u64) -> Hop {
        let [delay, ttl, rest] = [5000, 4600, rest_ms].map(Duration::from_millis);
        Hop { delay, ttl, rest }
    }

    #[test]
    fn a_delayed_message_names_its_queue_its_stay_and_what_is_left_of_its_wait() {
        for rest_ms in [0, 1, 2_592_000_000] {
            let properties = encode(&message(), Some(&hop(rest_ms)));
            assert_eq!(properties.expiration().as_ref().unwrap().as_str(), "4600");
            let headers = properties.headers().as_ref().unwrap();
            assert_eq!(string(headers, DELAY_HEADER).unwrap(), "5s");
            assert_eq!(headers.inner().contains_key(REST_HEADER), rest_ms > 0);
            assert_eq!(rest(&properties), Duration::from_millis(rest_ms));
            // Which it has not anywhere else.
            let decoded = decode(&properties, message().event.body().clone()).unwrap();
            assert_eq!(rest(&encode(&decoded, None)), Duration::ZERO);
        }
    }

    #[test]
    fn a_rest_that_is_none_is_nothing() {
        for odd in [AMQPValue::LongLongInt(-1), AMQPValue::LongString("7".into())] {
            let mut headers = FieldTable::default();
            headers.insert(REST_HEADER.into(), odd);
            assert_eq!(rest(&BasicProperties::default().with_headers(headers)), Duration::ZERO);
        }
        assert_eq!(rest(&BasicProperties::default()), Duration::ZERO);
    }

    #[test]
    fn a_message_of_another_version_is_refused_with_how_to_be_rid_of_it() {
        let properties = encode(&message(), None);
        let mut headers = properties.headers().clone().unwrap();
        headers.insert("hubline-version".into(), AMQPValue::LongLongInt(1));
        let refused = decode(&properties.with_headers(headers), Bytes::new()).unwrap_err();
        assert!(!refused.is_foreign);
        let how = format!("hubline-version is not {VERSION}: run that build's workers until");
        assert!(refused.what.contains(&how) && !refused.what.contains('\n'), "{}", refused.what);
    }

    #[test]
    fn what_could_not_be_read_comes_back_with_its_unknown_origin() {
        let event = Event::unreadable(Sender::HubSpot, Bytes::from_static(b"{"));
        let unreadable = Message::fresh(event, 7);
        let body = unreadable.event.body().clone();
        assert_eq!(decode(&encode(&unreadable, None), body).unwrap(), unreadable);
    }

    #[test]
    fn a_foreign_message_is_refused_with_its_bytes() {
        let body = Bytes::from_static(b"hello");
        let refused = decode(&BasicProperties::default(), body.clone()).unwrap_err();
        assert_eq!(refused.body, body);
    }
}
