//! Slack: one message to one channel.
//!
//! Owns what Slack's errors mean. Slack answers 200 to nearly everything and says in the body
//! whether it did it (docs.slack.dev/reference/methods/chat.postMessage).

mod message;

use std::time::Duration;

use prometheus_client::registry::Registry;
use reqwest::Method;
use serde::Deserialize;

use super::http::{Api, Reply, Service};
use crate::error::HandlerError;
use crate::metrics::WorkerMetrics;
use crate::settings::integrations::Access;

pub use message::Message;

/// Errors that pass by themselves; all others ask for a person.
const PASSING: [&str; 8] = [
    "ratelimited",
    "rate_limited",
    "message_limit_exceeded",
    "request_timeout",
    "service_unavailable",
    "internal_error",
    "fatal_error",
    "team_added_to_org",
];

/// Slack, if `SLACK_BOT_TOKEN` is set.
#[derive(Debug)]
pub struct Slack {
    api: Api,
    channel: String,
}

impl Slack {
    /// Slack for what is posted beside events, whose calls are not measured.
    pub(crate) fn open(access: Access, channel: &str, timeout: Duration) -> anyhow::Result<Self> {
        let metrics = WorkerMetrics::register(&mut Registry::default(), false);
        let Access { url, token } = access;
        let api = Api::new(Service::Slack, url, Some(token), timeout, metrics)?;
        Ok(Self::new(api, channel))
    }

    pub(super) fn new(api: Api, channel: &str) -> Self {
        Self { api, channel: channel.to_owned() }
    }

    /// Posts `message` to the configured channel. Slack knows no idempotency key: call this
    /// within a step.
    pub async fn post(&self, message: &Message) -> Result<(), HandlerError> {
        let request = self
            .api
            .request(Method::POST, &["chat.postMessage"], &[])
            .json(&message.to_json(&self.channel));
        outcome(&self.api.send(request).await?.success()?)
    }

    pub(super) fn summary(&self) -> String {
        format!("{} to {}", self.api.origin(), self.channel)
    }
}

fn outcome(reply: &Reply) -> Result<(), HandlerError> {
    #[derive(Deserialize)]
    struct Answer {
        ok: bool,
        error: Option<String>,
    }
    let answer: Answer = reply.json()?;
    if answer.ok {
        return Ok(());
    }
    let error = answer.error.unwrap_or_default();
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if error.is_empty() || error.len() > 64 || !error.chars().all(known) {
        return Err(reply.bad("refuses without an error's name"));
    }
    let code = Service::Slack.code(error.to_ascii_uppercase());
    let message = format!("Slack refused the message: {error}");
    Err(match (PASSING.contains(&&*error), reply.retry_after) {
        (true, Some(wait)) => HandlerError::retry_after(wait, code, message),
        (true, None) => HandlerError::transient(code, message),
        (false, _) => HandlerError::permanent(code, message),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::http::tests::reply;
    use crate::error::Failure;

    fn failed(body: &str) -> Option<(Failure, String)> {
        let outcome = outcome(&reply(Service::Slack, 200, None, body));
        outcome.err().map(|error| (error.kind, error.code.into_owned()))
    }

    #[test]
    fn a_refusal_within_a_200_has_slacks_name_for_it() {
        let passing = Failure::Transient { retry_after: None };
        for (body, expected) in [
            (r#"{"ok":true,"ts":"1.2"}"#, None),
            (
                r#"{"ok":false,"error":"channel_not_found"}"#,
                Some((Failure::Permanent, "SLACK_CHANNEL_NOT_FOUND")),
            ),
            (
                r#"{"ok":false,"error":"invalid_auth"}"#,
                Some((Failure::Permanent, "SLACK_INVALID_AUTH")),
            ),
            (r#"{"ok":false,"error":"ratelimited"}"#, Some((passing, "SLACK_RATELIMITED"))),
            (r#"{"ok":false,"error":"Oh no!"}"#, Some((passing, "SLACK_BAD_RESPONSE"))),
            (r#"{"ok":false}"#, Some((passing, "SLACK_BAD_RESPONSE"))),
            ("<html>", Some((passing, "SLACK_BAD_RESPONSE"))),
        ] {
            assert_eq!(
                failed(body),
                expected.map(|(kind, code)| (kind, code.to_owned())),
                "{body}"
            );
        }
    }
}
