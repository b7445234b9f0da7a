//! Being let in: a request goes out with the service's token, and once more with another one if that
//! was refused and there is another. Neither goes out before it is vouched for, where somebody has to, nor
//! for another account than that of the request.
//!
//! Owns what a refused token looks like. A 403 is none: the token is taken, and lacks a right.

use std::sync::Arc;

use reqwest::{Client, Request, RequestBuilder, StatusCode};
use serde::Deserialize;

use super::{Api, Reply, Service};
use crate::credentials::Token;
use crate::error::HandlerError;

/// Slack's words for a token that it does not take (docs.slack.dev/reference/methods/chat.postMessage):
/// it says them within a 200.
const SLACK: [&str; 5] =
    ["invalid_auth", "token_revoked", "token_expired", "account_inactive", "not_authed"];

/// What a request is for.
#[derive(Clone, Copy)]
enum Purpose {
    /// To have something done, in this account if in one.
    Work { account: Option<u64> },
    /// To learn what the token is for, which nobody can have vouched for yet.
    Vouching,
}

impl Api {
    /// Sends it and reads the answer, whatever its status, unless the token is refused or paused for
    /// that: then this is the error with which the run waits.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Reply, HandlerError> {
        self.let_in(request, Purpose::Work { account: None }).await.map(|(reply, _)| reply)
    }

    /// The same in this account: with the token of another, which was read since the run was checked, the
    /// run is put off.
    pub(crate) async fn send_for(
        &self,
        account: u64,
        request: RequestBuilder,
    ) -> Result<Reply, HandlerError> {
        let purpose = Purpose::Work { account: Some(account) };
        self.let_in(request, purpose).await.map(|(reply, _)| reply)
    }

    /// The same for the question what a token is for, with the token that was taken for it in the end.
    pub(crate) async fn send_to_vouch(
        &self,
        request: RequestBuilder,
    ) -> Result<(Reply, Arc<Token>), HandlerError> {
        self.let_in(request, Purpose::Vouching).await
    }

    async fn let_in(
        &self,
        request: RequestBuilder,
        purpose: Purpose,
    ) -> Result<(Reply, Arc<Token>), HandlerError> {
        let (_, request): (Client, reqwest::Result<Request>) = request.build_split();
        // Boxed: futures within futures are as large as all of them, and these are in every handler.
        let mut pass = Box::pin(self.credential.pass()).await?;
        // Only a streamed body cannot be sent twice, and there is none.
        let mut again = request.as_ref().ok().and_then(Request::try_clone);
        let mut request = request;
        loop {
            // The run was checked before it waited for room; meanwhile there may be another token.
            if let Purpose::Work { account } = purpose {
                self.credential.vouched(&pass.token, account)?;
            }
            let reply = Box::pin(self.call(request, &pass.token)).await?;
            let Some(code) = refusal(&reply) else {
                if is_word(&reply) {
                    Box::pin(self.credential.accepted(&pass)).await;
                }
                return Ok((reply, Arc::clone(&pass.token)));
            };
            match again.take() {
                Some(next) => match Box::pin(self.credential.anew(&pass)).await {
                    Some(newer) => (pass, request) = (newer, Ok(next)),
                    None => return Err(Box::pin(self.credential.refused(&pass, &code)).await),
                },
                None => return Err(Box::pin(self.credential.refused(&pass, &code)).await),
            }
        }
    }
}

/// The service's word for it, if the answer refuses the token.
fn refusal(reply: &Reply) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        ok: bool,
        error: Option<String>,
    }
    if reply.status == StatusCode::UNAUTHORIZED {
        return Some(reply.code());
    }
    if reply.service != Service::Slack || !reply.status.is_success() {
        return None;
    }
    let refusal: Refusal = reply.json().ok()?;
    let error = refusal.error.filter(|error| !refusal.ok && SLACK.contains(&&**error))?;
    Some(reply.service.code(error.to_ascii_uppercase()))
}

/// Whether who answers has looked at the token and at more than that.
fn is_word(reply: &Reply) -> bool {
    let is_busy = matches!(reply.status.as_u16(), 407 | 408 | 425 | 429);
    let is_answer = reply.status.is_success() || reply.status.is_client_error();
    is_answer && !is_busy && !reply.is_page()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::http::tests::reply;

    #[test]
    fn a_refused_token_is_told_from_a_missing_right() {
        let refusal = |service, status, body: &str| refusal(&reply(service, status, None, body));
        for (service, status, body, expected) in [
            (Service::HubSpot, 401, "", Some("HUBSPOT_401")),
            (Service::HubSpot, 401, "<html>", Some("HUBSPOT_401")),
            (Service::HubSpot, 403, r#"{"category":"MISSING_SCOPES"}"#, None),
            (Service::Erp, 200, r#"{"ok":false,"error":"invalid_auth"}"#, None),
            (Service::Onboarding, 401, "", Some("ONBOARDING_401")),
            (Service::Slack, 401, "", Some("SLACK_401")),
            (Service::Slack, 200, r#"{"ok":true}"#, None),
            (Service::Slack, 200, r#"{"ok":true,"error":"invalid_auth"}"#, None),
            (Service::Slack, 200, r#"{"ok":false,"error":"missing_scope"}"#, None),
            (Service::Slack, 200, "<html>", None),
        ] {
            assert_eq!(refusal(service, status, body).as_deref(), expected, "{status} {body}");
        }
        for error in SLACK {
            let body = format!(r#"{{"ok":false,"error":"{error}"}}"#);
            let code = format!("SLACK_{}", error.to_ascii_uppercase());
            assert_eq!(refusal(Service::Slack, 200, &body), Some(code));
        }
    }

    #[test]
    fn an_answer_that_says_nothing_of_the_token_ends_no_pause() {
        for (status, body, expected) in [
            (200, "{}", true),
            (403, "", true),
            (404, "", true),
            (422, "", true),
            (302, "", false),
            (404, "<html>", false),
            (407, "", false),
            (429, "", false),
            (503, "", false),
        ] {
            assert_eq!(is_word(&reply(Service::Erp, status, None, body)), expected, "{status}");
        }
    }
}
