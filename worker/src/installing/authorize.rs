//! Where people are asked for their consent.

use reqwest::Url;

use super::site::Site;

/// <https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/oauth/working-with-oauth>
const AUTHORIZE: &str = "https://app.hubspot.com/oauth/authorize";

/// HubSpot's page for it, from which it comes back with `state`.
pub(super) fn url(site: &Site, state: &str) -> anyhow::Result<String> {
    let mut url: Url = AUTHORIZE.parse()?;
    url.query_pairs_mut()
        .append_pair("client_id", site.app.endpoint.client_id())
        .append_pair("redirect_uri", &site.redirect_uri())
        .append_pair("scope", &site.scopes.join(" "))
        .append_pair("state", state);
    if !site.optional_scopes.is_empty() {
        url.query_pairs_mut().append_pair("optional_scope", &site.optional_scopes.join(" "));
    }
    Ok(url.into())
}
