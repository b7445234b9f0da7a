//! What HubSpot sends people back with, and what comes of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::web::Data;
use reqwest::Url;
use secrecy::SecretString;
use shared::clock::now_ms;
use shared::origin::Origin;
use tokio::time::timeout;

use super::cookie;
use super::outcome::{Installed, Outcome};
use super::return_url::{at_hubspot, is_app};
use super::site::Site;
use super::state::States;
use crate::oauth::{Granted, PortalDetails, Refusal, missing};
use crate::records::PortalFacts;

/// The longest query that is looked at, in bytes.
const LONGEST_QUERY: usize = 8 * 1024;
/// How long all that an install asks may take: HubSpot twice, and the records.
const PATIENCE: Duration = Duration::from_secs(50);

/// What came back.
#[derive(Debug, Default, PartialEq, Eq)]
struct Query {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    step: Option<String>,
    return_url: Option<String>,
}

impl Query {
    /// Reads it; `None` if it is too long, or says something twice.
    fn read(text: &str) -> Option<Self> {
        if text.len() > LONGEST_QUERY {
            return None;
        }
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let field = match &*name {
                "code" => &mut query.code,
                "state" => &mut query.state,
                "error" => &mut query.error,
                "step" => &mut query.step,
                "returnUrl" => &mut query.return_url,
                _ => continue,
            };
            if field.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        Some(query)
    }
}

/// What becomes of one who came back.
pub(super) async fn come_back(site: &Data<Site>, request: &HttpRequest) -> Outcome {
    let Some(query) = Query::read(request.query_string()) else { return Outcome::Unreadable };
    let return_url = match query.return_url.as_deref().map(at_hubspot) {
        None => None,
        Some(Some(url)) => Some(url),
        // Nobody is sent anywhere else from here.
        Some(None) => return Outcome::ForeignReturn,
    };
    if query.step.as_deref() == Some("authorize") {
        return begin_for_marketplace(site, return_url);
    }
    let is_tls = site.url.is_tls();
    let secrets = cookie::secrets(request.headers(), is_tls);
    let state = query.state.as_deref().unwrap_or_default();
    let Some(began) = site.states.began(&site.app.keys, state, secrets, now_ms()) else {
        return Outcome::ForeignState;
    };
    if let Some(error) = query.error {
        return Outcome::Denied { is_consent: error == "access_denied" };
    }
    let Some(code) = query.code else { return Outcome::Unreadable };
    // Before the state is noted as used: what is remembered is bounded by that rate.
    if !site.rate.admits(Instant::now()) {
        return Outcome::TooMany;
    }
    if !site.states.use_up(&began, now_ms()) {
        return Outcome::ForeignState;
    }
    // On the program's own runtime, and to its end whether or not anybody waits for it: the code is good once.
    let (doing, code) = (Arc::clone(site), SecretString::from(code));
    let installing = site.runtime.spawn(async move { install(&doing, &code, return_url).await });
    match timeout(PATIENCE, installing).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) | Err(_) => Outcome::Later,
    }
}

/// An install that was begun in the marketplace: it goes on there, with a state of ours.
fn begin_for_marketplace(site: &Site, return_url: Option<Url>) -> Outcome {
    let Some(mut url) = return_url else { return Outcome::ForeignReturn };
    match States::begin(&site.app.keys, now_ms()) {
        Ok(begun) => {
            url.query_pairs_mut().append_pair("state", &begun.state);
            Outcome::Begun { url: url.into(), cookie: begun.cookie }
        }
        Err(error) => broken(&error),
    }
}

async fn install(site: &Site, code: &SecretString, next: Option<Url>) -> Outcome {
    let granted = match site.app.endpoint.exchange(code, &site.redirect_uri()).await {
        Ok(granted) => granted,
        Err(Refusal::Revoked { .. }) => return Outcome::BadCode,
        Err(Refusal::Misconfigured { code }) => {
            site.app.refused(&code);
            return Outcome::Misconfigured;
        }
        Err(Refusal::Later { code, .. }) => {
            tracing::warn!(error.code = code, "hubspot gave no tokens for an install");
            // Such as a redirect URL that is not the app's.
            return if code.starts_with('4') && !code.starts_with("429") {
                Outcome::Refused { code }
            } else {
                Outcome::Later
            };
        }
    };
    site.app.accepted();
    // Only decorates, where the grant names its portal.
    let details = site.app.endpoint.details(&granted.access_token).await.unwrap_or_default();
    let Some(portal_id) = portal_of(&granted, &details) else {
        tracing::warn!(
            "hubspot's grant does not say which portal it is of, or says two: it is not kept"
        );
        return Outcome::Refused { code: "NO_PORTAL".to_owned() };
    };
    let (origin, facts) = (Origin::hubspot(portal_id), facts(&granted, &details));
    let before = match site.app.install(&origin, &granted, &facts).await {
        Ok(before) => before,
        Err(error) => return broken(&error),
    };
    let lacks = granted.scopes.as_ref().map(|scopes| missing(&site.scopes, scopes));
    let lacks = lacks.unwrap_or_default();
    if !lacks.is_empty() {
        tracing::warn!(%origin, scopes = lacks.join(" "), "a portal has granted less than the app needs");
    }
    let tenant = site.tenancy.installed(&site.app.records, &origin, before, &facts).await;
    let home = facts.ui_domain.filter(|domain| is_app(domain));
    let home = home.and_then(|domain| format!("https://{domain}/").parse().ok());
    let is_marketplace = next.is_some();
    let next = next.or(home).map(String::from);
    Outcome::Installed(Installed { portal_id, before, tenant, lacks, next, is_marketplace })
}

/// The portal, if all that was said of it is the same.
fn portal_of(granted: &Granted, details: &PortalDetails) -> Option<u64> {
    match (granted.hub_id, details.portal_id) {
        (Some(one), Some(other)) => (one == other).then_some(one),
        (one, other) => one.or(other),
    }
}

fn facts(granted: &Granted, details: &PortalDetails) -> PortalFacts {
    let short = |text: &Option<String>| text.clone().filter(|text| text.len() <= 64);
    PortalFacts {
        scopes: granted.scopes.clone().unwrap_or_default().join(" "),
        user_id: granted.user_id,
        ui_domain: short(&details.ui_domain),
        time_zone: short(&details.time_zone),
    }
}

fn broken(error: &anyhow::Error) -> Outcome {
    let error = format!("{error:#}");
    tracing::error!(error, "an installation could not be kept");
    Outcome::Later
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_each_thing_once() {
        let query =
            Query::read("code=a%20b&state=s&step=finalize&returnUrl=https%3A%2F%2Fx&more=1");
        let query = query.unwrap_or_default();
        assert_eq!((query.code.as_deref(), query.state.as_deref()), (Some("a b"), Some("s")));
        assert_eq!(query.return_url.as_deref(), Some("https://x"));
        assert_eq!(Query::read(""), Some(Query::default()));
        assert_eq!(Query::read("code=a&code=b"), None);
        assert_eq!(Query::read(&"a".repeat(LONGEST_QUERY + 1)), None);
    }
}
