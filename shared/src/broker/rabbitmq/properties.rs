//! A message as AMQP properties and headers, and back.
//!
//! Headers are scalars and always built anew. What a broker adds (`x-death`, delivery counts) is
//! never copied: a copied `x-death` made RabbitMQ 3.10 drop the message at its TTL.

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

/// The version of all that follows ([`format::MESSAGE`]).
pub(crate) const VERSION_HEADER: &str = "hubline-version";
/// What is left of a wait when the message comes back. A time to come back at would need clocks
/// that agree.
const REST_HEADER: &str = "hubline-rest-ms";
const PERSISTENT: u8 = 2;

/// The properties of `message`; with a `hop`, of its stay in that queue.
pub(crate) fn encode(message: &Message, hop: Option<&Hop>) -> BasicProperties {
    let mut headers = FieldTable::default();
    let mut put = |name: &str, value: AMQPValue| {
        headers.insert(name.into(), value);
    };
    put(VERSION_HEADER, AMQPValue::LongLongInt(format::MESSAGE));
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
    message(properties, &body).map_err(|what| {
        let headers = properties.headers().as_ref();
        let is_foreign =
            headers.is_none_or(|headers| !headers.inner().contains_key(VERSION_HEADER));
        MalformedMessage { what, is_foreign, body }
    })
}

fn message(properties: &BasicProperties, body: &Bytes) -> Result<Message, &'static str> {
    let headers = properties.headers().as_ref().ok_or("no headers")?;
    match whole(headers, VERSION_HEADER) {
        Some(format::MESSAGE) => {}
        Some(..format::MESSAGE) => return Err(format::EARLIER_MESSAGE),
        Some(_) => return Err(format::NEWER_MESSAGE),
        None => return Err("hubline-version is missing or wrong"),
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
mod tests;
