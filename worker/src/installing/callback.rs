//! What HubSpot sends people back with, and what comes of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::web::Data;
use reqwest::Url;
use secrecy::SecretString;
use shared::clock::now_ms;
use tokio::time::timeout;

use super::cookie;
use super::install::install;
use super::outcome::Outcome;
use super::return_url::at_hubspot;
use super::site::Site;
use super::state::States;
use crate::client_address::client_of;

/// The longest query that is looked at, in bytes.
const LONGEST_QUERY: usize = 8 * 1024;
/// How long a browser waits for all of an install, which goes on if it takes longer.
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
    if !site.rate.admits(client_of(&site.proxies, request), Instant::now()) {
        return Outcome::TooMany;
    }
    if !site.states.use_up(&began, now_ms()) {
        return Outcome::ForeignState;
    }
    // On the program's own runtime, and to its end whether or not anybody waits for it: the code is good once.
    let (doing, code) = (Arc::clone(site), SecretString::from(code));
    let installing = async move { install(&doing, &code, return_url).await };
    let installing = site.installs.spawn_on(installing, &site.runtime);
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
            with_state(&mut url, &begun.state);
            Outcome::Begun { url: url.into(), cookie: begun.cookie }
        }
        Err(error) => {
            let error = format!("{error:#}");
            tracing::error!(error, "an install could not be begun");
            Outcome::Later
        }
    }
}

/// The address with this state alone: what somebody else had put there would come back beside it, or in its place.
fn with_state(url: &mut Url, state: &str) {
    let others = url.query_pairs().filter(|(name, _)| name != "state");
    let others: Vec<_> =
        others.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    url.query_pairs_mut().clear().extend_pairs(others).append_pair("state", state);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_gets_one_state_and_keeps_the_rest() {
        for (before, after) in [
            ("https://app.hubspot.com/x", "https://app.hubspot.com/x?state=s"),
            (
                "https://app.hubspot.com/x?a=b%20c&state=bad&d",
                "https://app.hubspot.com/x?a=b+c&d=&state=s",
            ),
            ("https://app.hubspot.com/x?state=1&state=2", "https://app.hubspot.com/x?state=s"),
        ] {
            let mut url: Url = before.parse().unwrap_or_else(|error| panic!("{before}: {error}"));
            with_state(&mut url, "s");
            assert_eq!(url.as_str(), after);
        }
    }

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
