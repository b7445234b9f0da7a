//! The one portal that the token is for: of the setting, or as HubSpot says.
//!
//! Owns that nothing is done with a token in another portal's name, and that a HubSpot which is away
//! holds up no start. A HubSpot that does not tell is not asked again: then every portal is let
//! through, as if there were only one.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use shared::retry::Reconnect;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::id::Id;
use super::version;
use crate::clients::http::Api;
use crate::error::{Failure, HandlerError};

/// For so long a run waits where it is: at a start the answer comes soon.
const MOMENT: Duration = Duration::from_secs(1);
/// And then so long in line.
const LATER: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    NotYet,
    Is(u64),
    /// HubSpot does not tell.
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
    /// token.
    pub(super) fn of(set: Option<u64>, api: &Arc<Api>) -> Self {
        if let Some(portal) = set {
            let known = watch::Sender::new(Known::Is(portal));
            return Self { known, told_by: "HUBSPOT_PORTAL_ID", _asking: None };
        }
        let known = watch::Sender::new(Known::NotYet);
        let asking = tokio::spawn(keep_asking(Arc::clone(api), known.clone()));
        let asking = Some(AbortOnDropHandle::new(asking));
        Self { known, told_by: "as HubSpot says", _asking: asking }
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
        let waiting = known.wait_for(|known| *known != Known::NotYet);
        match tokio::time::timeout(MOMENT, waiting).await {
            Ok(_) => self.check(portal_id),
            Err(_) => Err(HandlerError::deferred(
                LATER,
                "HUBSPOT_PORTAL_UNKNOWN",
                "HubSpot has not said yet which portal HUBSPOT_ACCESS_TOKEN is for (or set HUBSPOT_PORTAL_ID)",
            )),
        }
    }
}

async fn keep_asking(api: Arc<Api>, known: watch::Sender<Known>) {
    let mut tokens = api.credential().tokens();
    loop {
        tokens.borrow_and_update();
        let told = tokio::select! {
            told = until_told(&api) => told,
            changed = tokens.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        known.send_replace(told);
        if tokens.changed().await.is_err() {
            return;
        }
        // It may be another portal's.
        known.send_replace(Known::NotYet);
    }
}

async fn until_told(api: &Api) -> Known {
    let mut reconnect = Reconnect::default();
    let mut is_said = false;
    loop {
        let error = match ask(api).await {
            Ok(portal) => {
                tracing::info!(portal.id = portal, "hubspot says which portal the token is for");
                return Known::Is(portal);
            }
            Err(error) => error,
        };
        let wait = match error.kind {
            Failure::Deferred { wait } => wait,
            Failure::Transient { retry_after } => {
                retry_after.unwrap_or_default().max(reconnect.next_delay())
            }
            _ => {
                tracing::warn!(
                    error.code = %error.code,
                    error.message = error.message,
                    "hubspot does not say which portal the token is for: events of every portal are acted on with it, set HUBSPOT_PORTAL_ID"
                );
                return Known::Untold;
            }
        };
        if !std::mem::replace(&mut is_said, true) {
            tracing::warn!(
                error.code = %error.code,
                error.message = error.message,
                "hubspot has not said yet which portal the token is for: what needs hubspot waits"
            );
        }
        tokio::time::sleep(wait).await;
    }
}

/// <https://developers.hubspot.com/docs/api-reference/account-account-info-v3/guide>
async fn ask(api: &Api) -> Result<u64, HandlerError> {
    let reply = api.send(api.request(Method::GET, &version::ACCOUNT, &[])).await?.success()?;
    let mut details: Value = reply.json()?;
    let portal = serde_json::from_value::<Id>(details["portalId"].take()).ok();
    portal.and_then(|portal| portal.number()).ok_or_else(|| {
        HandlerError::permanent("HUBSPOT_NO_PORTAL", "HubSpot's answer names no portal")
    })
}
