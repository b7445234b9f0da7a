//! One install, from its code to what is written of it.
//!
//! Owns that what a code was exchanged for is not lost, since a code is good once: it is written before anything
//! else is asked, and again and again while the records are away. What only decorates is asked afterwards, and by
//! the next refresh if there is no answer.

use std::time::{Duration, Instant};

use reqwest::Url;
use secrecy::SecretString;
use shared::clock::now_ms;
use shared::origin::Origin;
use shared::retry::Reconnect;

use super::outcome::{Installed, Outcome};
use super::return_url::is_app;
use super::site::Site;
use super::tenancy::Tenant;
use crate::oauth::{Granted, PortalDetails, Refusal, missing};
use crate::records::{Before, PortalFacts};

/// How long it is tried to write what was granted, and to find out first whose it is.
const TRYING: Duration = Duration::from_secs(60);

pub(super) async fn install(site: &Site, code: &SecretString, next: Option<Url>) -> Outcome {
    let granted = match site.app.endpoint.exchange(code, &site.redirect_uri()).await {
        Ok(granted) => granted,
        Err(refusal) => return refused(site, refusal),
    };
    site.app.accepted();
    let until = Instant::now() + TRYING;
    let asked = match granted.hub_id {
        Some(_) => None,
        None => ask_whose(site, &granted, until).await,
    };
    let Some(portal_id) = granted.hub_id.or(asked.as_ref().and_then(|asked| asked.portal_id))
    else {
        tracing::error!(
            "it is not known which portal hubspot's grant is of: it is not kept, and the app has to be installed again"
        );
        return Outcome::Refused { code: "NO_PORTAL".to_owned() };
    };
    let origin = Origin::hubspot(portal_id);
    let facts = facts(&granted);
    let (before, tenant) = match write(site, &origin, &granted, &facts, until).await {
        Ok(written) => written,
        Err(error) => {
            let error = format!("{error:#}");
            tracing::error!(%origin, error, "an installation could not be kept: the app has to be installed again");
            return Outcome::Later;
        }
    };
    // Only decorates from here on.
    let details = match asked {
        Some(asked) => asked,
        None => site.app.endpoint.details(&granted.access_token).await.unwrap_or_default(),
    };
    if details.portal_id.is_some_and(|told| told != portal_id) {
        return contradicted(site, &origin).await;
    }
    site.app.note(&origin, &details).await;
    let lacks = granted.scopes.as_ref().map(|scopes| missing(&site.scopes, scopes));
    if lacks.is_none() {
        tracing::warn!(%origin, "hubspot has not said what a portal has granted: whether the app has what it needs is not known");
    }
    let lacks = lacks.unwrap_or_default();
    if !lacks.is_empty() {
        tracing::warn!(%origin, scopes = lacks.join(" "), "a portal has granted less than the app needs");
    }
    let home = details.ui_domain.filter(|domain| is_app(domain));
    let home = home.and_then(|domain| format!("https://{domain}/").parse().ok());
    let is_marketplace = next.is_some();
    let next = next.or(home).map(String::from);
    Outcome::Installed(Installed { portal_id, before, tenant, lacks, next, is_marketplace })
}

fn refused(site: &Site, refusal: Refusal) -> Outcome {
    match refusal {
        Refusal::Revoked { .. } => Outcome::BadCode,
        Refusal::Misconfigured { code } => {
            site.app.refused(&code);
            Outcome::Misconfigured
        }
        Refusal::Later { code, .. } => {
            tracing::warn!(error.code = code, "hubspot gave no tokens for an install");
            // Such as a redirect URL that is not the app's.
            if code.starts_with('4') && !code.starts_with("429") {
                Outcome::Refused { code }
            } else {
                Outcome::Later
            }
        }
    }
}

/// What the portal says of itself, where the grant does not say whose it is.
async fn ask_whose(site: &Site, granted: &Granted, until: Instant) -> Option<PortalDetails> {
    let mut reconnect = Reconnect::default();
    loop {
        match site.app.endpoint.details(&granted.access_token).await {
            Ok(details) => return Some(details),
            Err(Refusal::Later { code, .. }) if is_away(&code) && Instant::now() < until => {}
            Err(_) => return None,
        }
        tokio::time::sleep(reconnect.next_delay()).await;
    }
}

/// Whether it says that HubSpot is away, or has too much to do.
fn is_away(code: &str) -> bool {
    !code.starts_with('4') || code.starts_with("429")
}

/// Writes what was granted and the portal's tenant, and while the records are away again.
async fn write(
    site: &Site,
    origin: &Origin,
    granted: &Granted,
    facts: &PortalFacts,
    until: Instant,
) -> anyhow::Result<(Before, Tenant)> {
    let mut reconnect = Reconnect::default();
    loop {
        match site.tenancy.install(&site.app, origin, granted, facts).await {
            Err(_) if granted.refresh_token.is_some() && Instant::now() < until => {}
            written => return written,
        }
        tokio::time::sleep(reconnect.next_delay()).await;
    }
}

/// The grant and its own token name two portals: it is nobody's.
async fn contradicted(site: &Site, origin: &Origin) -> Outcome {
    let code = "TWO_PORTALS";
    tracing::error!(%origin, "hubspot's grant says two portals: it is not kept, and what was installed there before is ended");
    let ending = site.app.records.uninstall(origin, code, "hubline", now_ms());
    if let Err(error) = ending.await {
        let error = format!("{error:#}");
        tracing::error!(%origin, error, "an installation of two portals could not be ended: end it by `worker tenants uninstall`");
    }
    Outcome::Refused { code: code.to_owned() }
}

fn facts(granted: &Granted) -> PortalFacts {
    PortalFacts {
        scopes: granted.scopes.clone().unwrap_or_default().join(" "),
        user_id: granted.user_id,
    }
}
