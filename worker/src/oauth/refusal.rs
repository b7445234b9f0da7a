//! What a refusal of the token endpoint means: for the portal, for us, or for now.
//!
//! Only a word that says so ends an installation, and never in an answer that says anything against ourselves:
//! a client secret that was mistyped must not uninstall everybody.

use std::time::Duration;

use serde::Deserialize;

/// What says that our own configuration is wrong.
const OURS: [&str; 4] =
    ["INVALID_CLIENT", "BAD_CLIENT_ID", "BAD_CLIENT_SECRET", "UNAUTHORIZED_CLIENT"];
/// What says that the portal has taken its consent back, or is gone.
const THEIRS: [&str; 4] = ["INVALID_GRANT", "BAD_REFRESH_TOKEN", "ACCESS_DENIED", "BAD_HUB"];
/// Words that are longer are nobody's code.
const LONGEST_CODE: usize = 64;

/// Why there are no tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// This grant is worth nothing any more.
    Revoked { code: String },
    /// HubSpot does not take our client id or secret: it says nothing of any portal.
    Misconfigured { code: String },
    /// It may be otherwise later, at the soonest after `wait` if that was said.
    Later { code: String, wait: Option<Duration> },
}

impl Refusal {
    /// The word for it.
    #[cfg(test)]
    fn code(&self) -> &str {
        match self {
            Self::Revoked { code } | Self::Misconfigured { code } | Self::Later { code, .. } => {
                code
            }
        }
    }

    /// Of an answer that is no success.
    pub(super) fn of(status: u16, wait: Option<Duration>, body: &[u8]) -> Self {
        let words = words(body);
        let find = |known: &[&str]| words.iter().find(|word| known.contains(&&***word)).cloned();
        let is_verdict = matches!(status, 400 | 401 | 403);
        if let (true, Some(code)) = (is_verdict, find(&OURS)) {
            return Self::Misconfigured { code };
        }
        if let (true, Some(code)) = (is_verdict, theirs(&words)) {
            return Self::Revoked { code };
        }
        let code = words.into_iter().find(|word| word != "ERROR").unwrap_or_default();
        let code = if code.is_empty() { status.to_string() } else { format!("{status}_{code}") };
        Self::Later { code, wait }
    }
}

/// The more exact word first.
fn theirs(words: &[String]) -> Option<String> {
    let is_theirs = |word: &&String| THEIRS.contains(&&***word);
    let exact = |word: &&String| word.starts_with("BAD_");
    let found = words.iter().filter(is_theirs).find(exact);
    found.or_else(|| words.iter().find(is_theirs)).cloned()
}

/// The words of an answer that may be codes, in capitals.
fn words(body: &[u8]) -> Vec<String> {
    #[derive(Default, Deserialize)]
    struct Answer {
        error: Option<String>,
        status: Option<String>,
        category: Option<String>,
    }
    let answer: Answer = serde_json::from_slice(body).unwrap_or_default();
    let is_code = |word: &String| {
        word.len() <= LONGEST_CODE && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    [answer.status, answer.error, answer.category]
        .into_iter()
        .flatten()
        .filter(is_code)
        .map(|word| word.to_ascii_uppercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Refusal {
        Refusal::of(status, None, body.as_bytes())
    }

    fn code(code: &str) -> String {
        code.to_owned()
    }

    #[test]
    fn only_a_word_for_it_revokes() {
        for (body, expected) in [
            (r#"{"error":"invalid_grant"}"#, "INVALID_GRANT"),
            (r#"{"status":"BAD_REFRESH_TOKEN","message":"x"}"#, "BAD_REFRESH_TOKEN"),
            (r#"{"error":"invalid_grant","status":"BAD_REFRESH_TOKEN"}"#, "BAD_REFRESH_TOKEN"),
            (r#"{"error":"access_denied","status":"BAD_HUB"}"#, "BAD_HUB"),
        ] {
            assert_eq!(of(400, body), Refusal::Revoked { code: code(expected) }, "{body}");
        }
        for (status, body, expected) in [
            (400, "", "400"),
            (400, "<html>invalid_grant", "400"),
            (400, r#"{"error":"invalid_request"}"#, "400_INVALID_REQUEST"),
            (400, r#"{"status":"error","category":"VALIDATION_ERROR"}"#, "400_VALIDATION_ERROR"),
            (400, r#"{"message":"invalid_grant"}"#, "400"),
            (404, r#"{"error":"invalid_grant"}"#, "404_INVALID_GRANT"),
            (429, r#"{"error":"invalid_grant"}"#, "429_INVALID_GRANT"),
            (503, r#"{"error":"invalid_grant"}"#, "503_INVALID_GRANT"),
            (302, "", "302"),
        ] {
            let later = Refusal::Later { code: code(expected), wait: None };
            assert_eq!(of(status, body), later, "{status} {body}");
        }
    }

    #[test]
    fn what_says_anything_against_ourselves_revokes_nothing() {
        for body in [
            r#"{"error":"invalid_client"}"#,
            r#"{"error":"invalid_grant","status":"BAD_CLIENT_SECRET"}"#,
            r#"{"error":"invalid_client","status":"BAD_REFRESH_TOKEN"}"#,
            r#"{"status":"BAD_CLIENT_ID"}"#,
        ] {
            assert!(matches!(of(401, body), Refusal::Misconfigured { .. }), "{body}");
            assert!(matches!(of(400, body), Refusal::Misconfigured { .. }), "{body}");
        }
    }

    #[test]
    fn a_wait_that_was_asked_for_is_kept_and_what_is_no_code_is_not_quoted() {
        let wait = Some(Duration::from_secs(7));
        assert_eq!(Refusal::of(429, wait, b""), Refusal::Later { code: code("429"), wait });
        let body = format!(r#"{{"error":"{}"}}"#, "a".repeat(100));
        assert_eq!(of(400, &body).code(), "400");
        assert_eq!(of(400, r#"{"error":"no such token: hunter2"}"#).code(), "400");
    }
}
