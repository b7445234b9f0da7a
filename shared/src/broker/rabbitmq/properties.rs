//! A message as AMQP properties and headers, and back.
//!
//! What every event has is in AMQP's own properties, which cost a broker next to nothing; a header says
//! only what is not as at first, so that a fresh event has none. All are scalars and built anew. What a
//! broker adds (`x-death`, delivery counts) is never copied: a copied `x-death` made RabbitMQ 3.10 drop
//! the message at its TTL.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};

use super::topology::DELAY_HEADER;
use crate::broker::malformed::MalformedMessage;
use crate::event::{Event, Identity};
use crate::format;
use crate::message::{Death, DeathReason, Message, OfJob};
use crate::retry::{Hop, delay_name};

/// Before the version of all that follows in `app_id`.
const APP: &str = "hubline/";
/// The `app_id` of [`format::MESSAGE`].
const APP_ID: &str = "hubline/3";
/// Where builds before version 3 had it.
pub(crate) const EARLIER_VERSION_HEADER: &str = "hubline-version";
/// What is left of a wait when the message comes back. A time to come back at would need clocks
/// that agree.
const REST_HEADER: &str = "hubline-rest-ms";
const PERSISTENT: u8 = 2;

/// The properties of `message`; with a `hop`, of its stay in that queue.
pub(crate) fn encode(message: &Message, hop: Option<&Hop>) -> BasicProperties {
    let event = &message.event;
    let mut properties = BasicProperties::default()
        .with_app_id(APP_ID.into())
        .with_message_id(event.identity.as_ref().into())
        .with_correlation_id(receipt(message).into())
        .with_reply_to(event.origin.parts().concat().into())
        .with_content_type("application/json".into())
        .with_delivery_mode(PERSISTENT)
        .with_timestamp(u64::try_from(message.received_ms / 1000).unwrap_or(0));
    if !event.topic.is_empty() {
        properties = properties.with_type(short(&event.topic).into());
    }
    if let Some(hop) = hop {
        properties = properties.with_expiration(hop.ttl.as_millis().to_string().into());
    }
    let headers = headers(message, hop);
    if headers.inner().is_empty() { properties } else { properties.with_headers(headers) }
}

/// The receipt that brought the event, as all events of one delivery have it: when it was, in ms since
/// the Unix epoch, and its `traceparent`.
fn receipt(message: &Message) -> String {
    let traceparent = message.traceparent.as_deref();
    // 20 characters are the longest number.
    let mut receipt = String::with_capacity(21 + traceparent.map_or(0, str::len));
    // Writing into a String cannot fail.
    let _ = write!(receipt, "{}", message.received_ms);
    if let Some(traceparent) = traceparent {
        receipt.push(' ');
        receipt.push_str(traceparent);
        receipt.truncate(short(&receipt).len());
    }
    receipt
}

fn headers(message: &Message, hop: Option<&Hop>) -> FieldTable {
    let mut headers = FieldTable::default();
    let mut put = |name: &str, value: AMQPValue| {
        headers.insert(name.into(), value);
    };
    if message.attempt > 0 {
        put("hubline-attempt", integer(message.attempt));
    }
    if message.generation > 0 {
        put("hubline-generation", integer(message.generation));
    }
    if let Some(target) = &message.target {
        put("hubline-target", text(target));
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
    headers
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
    message(properties, &body).map_err(|what| MalformedMessage {
        what,
        is_foreign: !is_ours(properties) && !is_of_an_early_build(properties),
        body,
    })
}

fn is_ours(properties: &BasicProperties) -> bool {
    properties.app_id().as_ref().is_some_and(|app_id| app_id.as_str().starts_with(APP))
}

fn is_of_an_early_build(properties: &BasicProperties) -> bool {
    let headers = properties.headers().as_ref();
    headers.is_some_and(|headers| headers.inner().contains_key(EARLIER_VERSION_HEADER))
}

fn version(properties: &BasicProperties) -> Result<i64, &'static str> {
    if let Some(app_id) = properties.app_id()
        && let Some(version) = app_id.as_str().strip_prefix(APP)
    {
        return version.parse().map_err(|_| "app_id has no version");
    }
    if is_of_an_early_build(properties) { Ok(0) } else { Err("app_id is not Hubline's") }
}

fn message(properties: &BasicProperties, body: &Bytes) -> Result<Message, &'static str> {
    match version(properties)? {
        format::MESSAGE => {}
        ..format::MESSAGE => return Err(format::EARLIER_MESSAGE),
        _ => return Err(format::NEWER_MESSAGE),
    }
    let message_id = properties.message_id().as_ref().ok_or("no message_id")?;
    let identity: Identity =
        message_id.as_str().parse().map_err(|_| "message_id is not an identity")?;
    let origin = properties.reply_to().as_ref().ok_or("no reply_to")?;
    let origin = origin.as_str().parse().map_err(|_| "reply_to is not an origin")?;
    let topic = properties.kind().as_ref().map_or("", |topic| topic.as_str());
    let receipt = properties.correlation_id().as_ref().ok_or("no correlation_id")?.as_str();
    let (received_ms, traceparent) = match receipt.split_once(' ') {
        Some((received_ms, traceparent)) => (received_ms, Some(traceparent.into())),
        None => (receipt, None),
    };
    let event = Event::new(origin, topic, identity, body.clone());
    let received_ms = received_ms.parse().map_err(|_| "correlation_id has no time of receipt")?;
    let fresh = Message { traceparent, ..Message::fresh(event, received_ms) };
    match properties.headers() {
        None => Ok(fresh),
        Some(headers) => journey(fresh, headers),
    }
}

/// `message` with what its headers say of its journey.
fn journey(message: Message, headers: &FieldTable) -> Result<Message, &'static str> {
    let number = |name: &str| whole(headers, name).and_then(|number| u64::try_from(number).ok());
    let job_attempt = number("hubline-job-attempt").and_then(|attempt| u32::try_from(attempt).ok());
    Ok(Message {
        attempt: count(headers, "hubline-attempt").ok_or("hubline-attempt is wrong")?,
        generation: count(headers, "hubline-generation").ok_or("hubline-generation is wrong")?,
        target: string(headers, "hubline-target"),
        job: number("hubline-job").map(|id| OfJob { id, attempt: job_attempt.unwrap_or_default() }),
        waiting: string(headers, "hubline-waiting").and_then(|text| text.parse().ok()),
        death: death(headers),
        ..message
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

/// A number that is 0 where it is not there.
fn count(headers: &FieldTable, name: &str) -> Option<u32> {
    if !headers.inner().contains_key(name) {
        return Some(0);
    }
    whole(headers, name).and_then(|number| u32::try_from(number).ok())
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
mod tests;
