//! An answer, and what a status other than success means for the event.
//!
//! Owns the split into transient and permanent that holds for every system; what one system
//! alone means by a status stands in that system's client.

use std::time::Duration;

use reqwest::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;

use super::{Rate, Service};
use crate::error::HandlerError;

/// Longest reason that is taken over from an answer, in characters.
const MAX_REASON: usize = 200;

/// How long who answers 429 is left alone, if it does not say.
const UNSAID: Duration = Duration::from_secs(10);

/// An answer of whatever status.
pub(crate) struct Reply {
    pub(crate) service: Service,
    pub(crate) status: StatusCode,
    /// From `Retry-After`.
    pub(crate) retry_after: Option<Duration>,
    /// What it says of the limit that it counts against.
    pub(crate) rate: Rate,
    /// The body, or why there is none.
    pub(super) body: Result<Vec<u8>, &'static str>,
    /// What the body may not be quoted with.
    pub(super) secret: Option<SecretString>,
}

impl Reply {
    /// The answer if its status is a success.
    pub(crate) fn success(self) -> Result<Self, HandlerError> {
        if self.status.is_success() { Ok(self) } else { Err(self.refusal()) }
    }

    /// The same, where 409 says that a request for the same is in progress: what becomes of that is not
    /// known, so it may pass.
    pub(crate) fn success_in_the_end(self) -> Result<Self, HandlerError> {
        if self.status != StatusCode::CONFLICT {
            return self.success();
        }
        Err(match self.retry_after {
            Some(wait) => HandlerError::retry_after(wait, self.code(), self.message()),
            None => HandlerError::transient(self.code(), self.message()),
        })
    }

    /// The body as JSON. Transient if it is none: a proxy in between may have answered.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, HandlerError> {
        let body = self.body.as_ref().map_err(|fault| self.bad(fault))?;
        // The parser's message would quote the body.
        serde_json::from_slice(body).map_err(|error| {
            self.bad(format!("is not what was expected ({:?} error)", error.classify()))
        })
    }

    /// An answer that cannot be used.
    pub(crate) fn bad(&self, fault: impl std::fmt::Display) -> HandlerError {
        let message = format!("{}'s answer {fault}", self.service.name());
        HandlerError::transient(self.service.code("BAD_RESPONSE"), message)
    }

    /// Whether it is HTML, which no API answers with: a gateway, a sign-in or a block page does.
    pub(crate) fn is_page(&self) -> bool {
        let body = self.body.as_deref().unwrap_or_default();
        let body = body.trim_ascii_start();
        body.starts_with(b"<") && !body.starts_with(b"<?xml")
    }

    /// What the status means where nobody knows better: 429 wants to be left alone; 408, 425 and 5xx may
    /// pass, after `Retry-After` if there is one; everything else will not, redirects included.
    pub(crate) fn refusal(&self) -> HandlerError {
        let (code, message) = (self.code(), self.message());
        match self.status.as_u16() {
            // No failure: no attempt is spent.
            429 => HandlerError::deferred(self.retry_after.unwrap_or(UNSAID), code, message),
            408 | 425 | 500.. => match self.retry_after {
                Some(wait) => HandlerError::retry_after(wait, code, message),
                None => HandlerError::transient(code, message),
            },
            _ => HandlerError::permanent(code, message),
        }
    }

    /// `ERP_422`, `HUBSPOT_5XX`.
    pub(crate) fn code(&self) -> String {
        match self.status.as_u16() {
            500.. => self.service.code("5XX"),
            status => self.service.code(status),
        }
    }

    /// What the status is and what the other side says to it.
    pub(crate) fn message(&self) -> String {
        let answered = format!("{} answered {}", self.service.name(), self.status.as_u16());
        match self.reason() {
            Some(reason) => format!("{answered}: {reason}"),
            None => answered,
        }
    }

    /// The sentence in the body that APIs give with a refusal, without the secret that a
    /// careless one may repeat.
    fn reason(&self) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct Refusal {
            #[serde(alias = "detail", alias = "error_description")]
            message: Option<serde_json::Value>,
            error: Option<serde_json::Value>,
        }
        let body = self.body.as_ref().ok()?;
        let refusal: Refusal = serde_json::from_slice(body).ok()?;
        let text = |value: Option<serde_json::Value>| match value? {
            serde_json::Value::String(text) => Some(text),
            serde_json::Value::Object(mut inner) => {
                inner.remove("message")?.as_str().map(str::to_owned)
            }
            _ => None,
        };
        let mut reason = text(refusal.message).or_else(|| text(refusal.error))?;
        if let Some(secret) = &self.secret {
            reason = reason.replace(secret.expose_secret().trim(), "[secret]");
        }
        Some(plain(&reason, MAX_REASON)).filter(|reason| !reason.is_empty())
    }
}

/// One line of at most `max` characters: controls become spaces, what is too long is cut off.
pub(crate) fn plain(text: &str, max: usize) -> String {
    let spaced = |c: char| if c.is_control() { ' ' } else { c };
    let line: String = text.trim().chars().map(spaced).take(max + 1).collect();
    match line.char_indices().nth(max) {
        Some(_) => line.chars().take(max.saturating_sub(1)).chain(['…']).collect(),
        None => line,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;
    use crate::error::Failure;

    pub(crate) fn reply(service: Service, status: u16, wait: Option<u64>, body: &str) -> Reply {
        Reply {
            service,
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: wait.map(Duration::from_secs),
            rate: Rate::default(),
            body: Ok(body.as_bytes().to_vec()),
            secret: Some(SecretString::from("hunter2".to_owned())),
        }
    }

    #[test]
    fn what_may_pass_is_transient_and_the_rest_permanent() {
        for (status, code, transient) in [
            (301, "ERP_301", false),
            (400, "ERP_400", false),
            (401, "ERP_401", false),
            (404, "ERP_404", false),
            (408, "ERP_408", true),
            (422, "ERP_422", false),
            (425, "ERP_425", true),
            (500, "ERP_5XX", true),
            (503, "ERP_5XX", true),
            (526, "ERP_5XX", true),
        ] {
            let error = reply(Service::Erp, status, None, "").refusal();
            assert_eq!(error.code, code);
            let expected = if transient {
                Failure::Transient { retry_after: None }
            } else {
                Failure::Permanent
            };
            assert_eq!(error.kind, expected, "{status}");
        }
    }

    #[test]
    fn a_conflict_passes_where_it_says_that_the_same_is_in_progress() {
        for wait in [None, Some(7)] {
            let answer = || reply(Service::Erp, 409, wait, "");
            let retry_after = wait.map(Duration::from_secs);
            let error = answer().success_in_the_end().err().unwrap();
            assert_eq!((error.kind, &*error.code), (Failure::Transient { retry_after }, "ERP_409"));
            assert_eq!(answer().success().err().unwrap().kind, Failure::Permanent);
        }
        let refused = reply(Service::Erp, 422, None, "").success_in_the_end();
        assert_eq!(refused.err().unwrap().kind, Failure::Permanent);
        assert!(reply(Service::Erp, 200, None, "").success_in_the_end().is_ok());
    }

    #[test]
    fn a_wait_that_is_asked_for_is_kept() {
        let error = reply(Service::Slack, 503, Some(30), "").refusal();
        let retry_after = Some(Duration::from_secs(30));
        assert_eq!((error.kind, &*error.code), (Failure::Transient { retry_after }, "SLACK_5XX"));
        for (said, wait) in [(Some(30), 30), (None, 10)] {
            let error = reply(Service::Erp, 429, said, "").refusal();
            let wait = Duration::from_secs(wait);
            assert_eq!((error.kind, &*error.code), (Failure::Deferred { wait }, "ERP_429"));
        }
    }

    #[test]
    fn the_other_sides_reason_is_one_short_line_without_the_secret() {
        let error = reply(Service::Erp, 422, None, r#"{"message":"no\nhunter2"}"#).refusal();
        assert_eq!(error.message, "ERP answered 422: no [secret]");
        let nested = reply(Service::Erp, 422, None, r#"{"error":{"message":"amount is missing"}}"#);
        assert_eq!(nested.message(), "ERP answered 422: amount is missing");
        let long = format!(r#"{{"error":"{}"}}"#, "é".repeat(10_000));
        assert!(reply(Service::Erp, 422, None, &long).message().chars().count() < 250);
        for odd in ["", "<html>", "[]", "7", r#"{"message":7}"#, r#"{"error":{}}"#] {
            assert_eq!(reply(Service::Erp, 422, None, odd).message(), "ERP answered 422");
        }
    }

    #[test]
    fn a_body_that_cannot_be_used_is_transient_and_not_quoted() {
        let broken = Reply { body: Err("broke off"), ..reply(Service::HubSpot, 200, None, "") };
        for reply in [broken, reply(Service::HubSpot, 200, None, r#"["jane@example.com"]"#)] {
            let error = reply.json::<std::collections::HashMap<String, String>>().unwrap_err();
            assert_eq!(error.code, "HUBSPOT_BAD_RESPONSE");
            assert_eq!(error.kind, Failure::Transient { retry_after: None });
            assert!(!error.message.contains("jane"), "{error}");
        }
    }
}
