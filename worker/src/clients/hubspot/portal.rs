//! The one portal that the token is for: of the setting, or as HubSpot says.
//!
//! Owns that nothing is done with a token in another portal's name, and that a HubSpot which is away
//! holds up no start. A token that may not ask (403) is not asked for again: then every portal is let
//! through, as if there were only one. Whatever else HubSpot answers, what needs it waits.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;
use shared::retry::Reconnect;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::id::Id;
use super::refusal::{self, Subject};
use super::version;
use crate::clients::http::{Api, Reply};
use crate::credentials::{Token, Voucher};
use crate::error::{Failure, HandlerError};

/// Within so long after the question the answer is likely to come: at a start, or with another token.
const SOON: Duration = Duration::from_secs(2);
/// For so long a run waits for it where it is, holding a place that others could use.
const MOMENT: Duration = Duration::from_secs(1);
/// And then so long in line, at the least.
const LATER: Duration = Duration::from_secs(5);
/// In line, and between two questions that HubSpot refuses, never longer than this.
const LONGEST: Duration = Duration::from_mins(5);
/// After the first question that HubSpot refuses.
const FIRST: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// Asked since then.
    NotYet(Instant),
    Is(u64),
    /// The token may not ask.
    Untold,
}

/// What is known of it.
#[derive(Debug)]
pub(super) struct Portal {
    known: watch::Sender<Known>,
    told_by: &'static str,
    _asking: Option<AbortOnDropHandle<()>>,
}

impl Portal {
    /// The portal that was set; otherwise HubSpot is asked in the background, and again with each other
    /// token, and no token goes out that it was not asked for.
    pub(super) fn of(set: Option<u64>, api: &Arc<Api>) -> Self {
        if let Some(portal) = set {
            let known = watch::Sender::new(Known::Is(portal));
            return Self { known, told_by: "HUBSPOT_PORTAL_ID", _asking: None };
        }
        api.credential().vouch(None);
        let known = watch::Sender::new(Known::NotYet(Instant::now()));
        let asking = tokio::spawn(keep_asking(Arc::clone(api), known.clone()));
        let asking = Some(AbortOnDropHandle::new(asking));
        Self { known, told_by: "as HubSpot says", _asking: asking }
    }

    /// Whether it is known to be this one.
    pub(super) fn is(&self, portal_id: u64) -> bool {
        *self.known.borrow() == Known::Is(portal_id)
    }

    /// Refuses another portal's run, as far as is known by now.
    pub(super) fn check(&self, portal_id: u64) -> Result<(), HandlerError> {
        match *self.known.borrow() {
            Known::Is(portal) if portal != portal_id => Err(HandlerError::permanent(
                "HUBSPOT_WRONG_PORTAL",
                format!(
                    "HUBSPOT_ACCESS_TOKEN is for portal {portal} ({}), not {portal_id}",
                    self.told_by
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The same once it is known; until then the run waits in line.
    pub(super) async fn check_when_known(&self, portal_id: u64) -> Result<(), HandlerError> {
        let mut known = self.known.subscribe();
        let state = *known.borrow();
        let asked = match state {
            Known::NotYet(since) => since.elapsed(),
            Known::Is(_) | Known::Untold => return self.check(portal_id),
        };
        if asked < SOON {
            let waiting = known.wait_for(|known| !matches!(known, Known::NotYet(_)));
            if tokio::time::timeout(MOMENT, waiting).await.is_ok() {
                return self.check(portal_id);
            }
        }
        Err(HandlerError::deferred(
            in_line(asked).mul_f64(spread()),
            "HUBSPOT_PORTAL_UNKNOWN",
            "HubSpot has not said yet which portal HUBSPOT_ACCESS_TOKEN is for (or set HUBSPOT_PORTAL_ID)",
        ))
    }

    /// Whether HubSpot will never say whose the token is: then it may be any portal's.
    pub(super) fn is_untold(&self) -> bool {
        *self.known.borrow() == Known::Untold
    }
}

/// How long a run waits in line when the answer has not come for so long: what has taken long takes
/// longer, and all who wait would come back for nothing.
fn in_line(asked: Duration) -> Duration {
    (asked / 8).clamp(LATER, LONGEST)
}

/// How long HubSpot is not asked again after it has refused so many questions in a row.
fn between(refused: u32) -> Duration {
    FIRST.saturating_mul(1 << refused.saturating_sub(1).min(30)).min(LONGEST)
}

/// So that not all who wait come back at once.
fn spread() -> f64 {
    1.0 + rand::random::<f64>() / 2.0
}

async fn keep_asking(api: Arc<Api>, known: watch::Sender<Known>) {
    let mut tokens = api.credential().tokens();
    loop {
        tokens.borrow_and_update();
        let (told, token) = tokio::select! {
            told = until_told(&api) => told,
            changed = tokens.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        known.send_replace(told);
        let account = match told {
            Known::Is(portal) => Some(portal),
            Known::NotYet(_) | Known::Untold => None,
        };
        // Runs that were let through for the last one's portal may still wait: they do not go out with it.
        api.credential().vouch(Some(Voucher { token, account }));
        if tokens.changed().await.is_err() {
            return;
        }
        // It may be another portal's.
        known.send_replace(Known::NotYet(Instant::now()));
    }
}

/// What HubSpot says in the end, and of which token.
async fn until_told(api: &Api) -> (Known, Arc<Token>) {
    let mut reconnect = Reconnect::default();
    let mut refused = 0;
    let (mut is_said, mut is_advised) = (false, false);
    loop {
        let error = match ask(api).await {
            Ok(told) => return told,
            Err(error) => error,
        };
        let (wait, may_pass) = match error.kind {
            Failure::Deferred { wait } => (wait, true),
            Failure::Transient { retry_after } => {
                (retry_after.unwrap_or_default().max(reconnect.next_delay()), true)
            }
            _ => {
                refused += 1;
                (between(refused).mul_f64(spread()), false)
            }
        };
        let (code, message) = (&*error.code, &*error.message);
        // Once each: what passes by itself needs nobody, the other does.
        if may_pass && !std::mem::replace(&mut is_said, true) {
            tracing::warn!(
                error.code = code,
                error.message = message,
                "hubspot has not said yet which portal the token is for: what needs hubspot waits"
            );
        }
        if !may_pass && !std::mem::replace(&mut is_advised, true) {
            tracing::warn!(
                error.code = code,
                error.message = message,
                "hubspot does not say which portal the token is for: what needs hubspot waits, set HUBSPOT_PORTAL_ID"
            );
        }
        tokio::time::sleep(wait).await;
    }
}

/// <https://developers.hubspot.com/docs/api-reference/account-account-info-v3/guide>
async fn ask(api: &Api) -> Result<(Known, Arc<Token>), HandlerError> {
    let request = api.request(Method::GET, &version::ACCOUNT, &[]);
    let (reply, token) = api.send_to_vouch(request).await?;
    let told = told(&reply)?;
    if let Known::Is(portal) = told {
        tracing::info!(portal.id = portal, "hubspot says which portal the token is for");
    } else {
        tracing::warn!(
            error.code = %reply.code(),
            error.message = %reply.message(),
            "hubspot does not say which portal the token is for: events of every portal are acted on with it, set HUBSPOT_PORTAL_ID"
        );
    }
    Ok((told, token))
}

/// What the answer says. Only HubSpot's own 403 says that it never will.
fn told(reply: &Reply) -> Result<Known, HandlerError> {
    if reply.status == StatusCode::FORBIDDEN && !reply.is_page() {
        return Ok(Known::Untold);
    }
    if let Some(wait) = refusal::wait(reply) {
        // A question now and then does no harm, and nothing goes on before it is answered.
        let wait = reply.retry_after.unwrap_or(wait.min(LONGEST));
        return Err(HandlerError::deferred(wait, reply.code(), reply.message()));
    }
    if !reply.status.is_success() {
        return Err(refusal::of(reply, Subject::Other, Duration::ZERO));
    }
    let mut details: Value = reply.json()?;
    let portal = details.get_mut("portalId").map(Value::take);
    let portal = portal.and_then(|portal| serde_json::from_value::<Id>(portal).ok());
    portal.and_then(|portal| portal.number()).map(Known::Is).ok_or_else(|| {
        HandlerError::permanent("HUBSPOT_NO_PORTAL", "HubSpot's answer names no portal")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::http::{Service, tests::reply};

    fn answer(status: u16, wait: Option<u64>, body: &str) -> Result<Known, Failure> {
        told(&reply(Service::HubSpot, status, wait, body)).map_err(|error| error.kind)
    }

    #[test]
    fn only_a_403_of_hubspots_own_says_that_it_never_will() {
        assert_eq!(answer(200, None, r#"{"portalId":62515}"#), Ok(Known::Is(62_515)));
        assert_eq!(answer(403, None, r#"{"category":"MISSING_SCOPES"}"#), Ok(Known::Untold));
        assert_eq!(answer(403, None, ""), Ok(Known::Untold));
        for (status, body) in [
            (403, "<html>"),
            (200, "{}"),
            (200, "[]"),
            (200, r#"{"portalId":null}"#),
            (200, r#"{"portalId":"none"}"#),
            (302, ""),
            (400, ""),
            (404, ""),
            (410, ""),
        ] {
            assert_eq!(answer(status, None, body), Err(Failure::Permanent), "{status} {body}");
        }
        for (status, seconds) in [(423, 2), (503, 7)] {
            let retry_after = Some(Duration::from_secs(seconds));
            let wait = Some(seconds);
            assert_eq!(answer(status, wait, ""), Err(Failure::Transient { retry_after }));
        }
        for (status, asked, seconds) in [(477, None, 300), (477, Some(900), 900), (429, None, 10)] {
            let wait = Duration::from_secs(seconds);
            assert_eq!(answer(status, asked, ""), Err(Failure::Deferred { wait }), "{status}");
        }
    }

    #[test]
    fn waits_grow_up_to_some_minutes() {
        let waits = [1, 2, 3, 8, 9, 10, 40, u32::MAX].map(|refused| between(refused).as_secs());
        assert_eq!(waits, [1, 2, 4, 128, 256, 300, 300, 300]);
        let waits = [0, 1, 40, 80, 800, 2_400, 86_400]
            .map(|asked| in_line(Duration::from_secs(asked)).as_secs());
        assert_eq!(waits, [5, 5, 5, 10, 100, 300, 300]);
        for _ in 0..100 {
            assert!((1.0..1.5).contains(&spread()));
        }
    }
}
