//! Slack, as a destination: an incoming webhook.
//!
//! Owns that its address is the secret, and what its answers mean
//! (docs.slack.dev/messaging/sending-messages-using-incoming-webhooks). It sends nothing.

use std::fmt;

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

use super::verdict::{Answer, Meaning, Overrides};

const FORM: &str = "is no incoming webhook: write it as https://hooks.slack.com/services/…";

/// Where messages are posted to: who knows it may post.
pub(crate) struct Webhook(Url);

impl Webhook {
    /// Reads the URL. The error does not repeat it.
    pub(crate) fn parse(url: &SecretString) -> Result<Self, &'static str> {
        let url = Url::parse(url.expose_secret()).map_err(|_| FORM)?;
        let is_one = matches!(url.scheme(), "http" | "https") && url.path().len() > 1;
        if is_one { Ok(Self(url)) } else { Err(FORM) }
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0
    }
}

/// The host alone.
impl fmt::Display for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/…", self.0.origin().ascii_serialization())
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({self})")
    }
}

/// What an answer means. `invalid_payload` and `user_not_found` (400) say that of one message;
/// `action_prohibited` and `invalid_token` (403), `no_service` and `channel_not_found` (404) and
/// `channel_is_archived` (410) of the webhook, so of all that come.
pub(crate) fn meaning(answer: Answer) -> Meaning {
    match answer.status {
        403 | 404 | 410 if !answer.from_proxy => Meaning::Gone,
        _ => answer.meaning(&Overrides::default()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use std::time::Duration;

    use super::*;

    #[test]
    fn a_webhook_shows_its_host_alone() {
        let url = "https://hooks.slack.com/services/T0/B0/hunter2".to_owned();
        let webhook = Webhook::parse(&url.into()).unwrap();
        assert_eq!(webhook.to_string(), "https://hooks.slack.com/…");
        assert_eq!(format!("{webhook:?}"), "Webhook(https://hooks.slack.com/…)");
        for odd in ["hunter2", "https://hooks.slack.com", "ftp://hunter2/x", "mailto:hunter2@x.y"] {
            let error = Webhook::parse(&odd.to_owned().into()).unwrap_err();
            assert!(!error.contains("hunter"), "{error}");
        }
    }

    #[test]
    fn an_answer_is_of_one_message_or_of_the_webhook() {
        let wait = Duration::from_secs(7);
        let answer = |status| Answer { status, retry_after: Some(wait), from_proxy: false };
        for (status, expected) in [
            (200, Meaning::Done),
            (302, Meaning::Permanent),
            (400, Meaning::Permanent),
            (403, Meaning::Gone),
            (404, Meaning::Gone),
            (410, Meaning::Gone),
            (413, Meaning::Permanent),
            (429, Meaning::Held { wait }),
            (500, Meaning::Transient { retry_after: Some(wait) }),
            (503, Meaning::Transient { retry_after: Some(wait) }),
        ] {
            assert_eq!(meaning(answer(status)), expected, "{status}");
        }
        let proxys = Answer { from_proxy: true, ..answer(403) };
        assert_eq!(meaning(proxys), Meaning::Transient { retry_after: Some(wait) });
    }
}
