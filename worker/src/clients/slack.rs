//! Slack: one message to one channel.
//!
//! Owns what Slack's errors mean. Slack answers 200 to nearly everything and says in the body
//! whether it did it (docs.slack.dev/reference/methods/chat.postMessage).

mod message;

use std::time::Duration;

use prometheus_client::registry::Registry;
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::http::{Api, Reply, Service};
use crate::credentials::{Credential, Keeper};
use crate::error::HandlerError;
use crate::limits::Limit;
use crate::metrics::WorkerMetrics;
use crate::run::Run;
use crate::settings::access::Access;

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

/// Those by which Slack says that it takes no more for a while.
const LIMITED: [&str; 3] = ["ratelimited", "rate_limited", "message_limit_exceeded"];
/// How long it is left alone if it does not say.
const UNSAID: Duration = Duration::from_secs(10);

/// Slack, if `SLACK_BOT_TOKEN` is set.
#[derive(Debug)]
pub struct Slack {
    api: Api,
    channel: String,
    limit: Limit,
}

impl Slack {
    /// Slack for what is posted beside events, whose calls are not measured.
    pub(crate) fn open(access: Access, channel: &str, timeout: Duration) -> anyhow::Result<Self> {
        let metrics = WorkerMetrics::register(&mut Registry::default(), false);
        let (Access { url, secret }, service) = (access, Service::Slack);
        let keeper = Keeper::process();
        let credential =
            Credential::new(service, &url, Some(secret), timeout, keeper, metrics.clone())?;
        let api = Api::new(service, url, credential, timeout, metrics)?;
        Ok(Self::new(api, channel, Duration::ZERO))
    }

    /// A channel takes about one message a second (docs.slack.dev/apis/web-api/rate-limits): `pace`.
    pub(super) fn new(api: Api, channel: &str, pace: Duration) -> Self {
        let key = format_args!("slack/{channel}");
        // A little less: two can come closer together than they were sent.
        let limit = if pace.is_zero() {
            Limit::none(key)
        } else {
            Limit::of(1, pace.mul_f64(1.05), key).shared()
        };
        Self { api, channel: channel.to_owned(), limit }
    }

    /// Posts `message` to the configured channel, at the channel's pace. Slack knows no idempotency key:
    /// call this within a step.
    pub async fn post(&self, run: &Run, message: &Message) -> Result<(), HandlerError> {
        // Else a pause would use up the channel's turns.
        run.waiting_elsewhere(self.api.credential().ready().await)?;
        run.room(&self.limit, 1.0, "SLACK_PACE", "others post to the channel first").await?;
        let is_down = |reply: &Reply| reply.status.is_server_error();
        let reply = run.call(Service::Slack, "slack", self.send(message), is_down).await?;
        match wait(&reply) {
            Some(wait) => {
                let message = "Slack takes no more messages for now".to_owned();
                Err(run.held(&self.limit, wait, Service::Slack.code("RATELIMITED"), message).await)
            }
            None => outcome(&reply.success()?),
        }
    }

    /// Posts `message` for no event, at nobody's pace.
    pub(crate) async fn say(&self, message: &Message) -> Result<(), HandlerError> {
        outcome(&self.send(message).await?.success()?)
    }

    async fn send(&self, message: &Message) -> Result<Reply, HandlerError> {
        let request = self
            .api
            .request(Method::POST, &["chat.postMessage"], &[])
            .json(&message.to_json(&self.channel));
        self.api.send(request).await
    }

    pub(super) fn summary(&self) -> String {
        format!("{} to {}", self.api.origin(), self.channel)
    }
}

/// How long Slack wants to be left alone, if it does: it says so with 429, or within a 200.
fn wait(reply: &Reply) -> Option<Duration> {
    let is_limited = reply.status == StatusCode::TOO_MANY_REQUESTS
        || error_of(reply)
            .is_ok_and(|error| error.as_deref().is_some_and(|error| LIMITED.contains(&error)));
    is_limited.then(|| reply.retry_after.unwrap_or(UNSAID))
}

/// Slack's name for what was wrong, if anything was.
fn error_of(reply: &Reply) -> Result<Option<String>, HandlerError> {
    #[derive(Deserialize)]
    struct Answer {
        ok: bool,
        error: Option<String>,
    }
    let answer: Answer = reply.json()?;
    Ok(if answer.ok { None } else { Some(answer.error.unwrap_or_default()) })
}

fn outcome(reply: &Reply) -> Result<(), HandlerError> {
    let Some(error) = error_of(reply)? else { return Ok(()) };
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
