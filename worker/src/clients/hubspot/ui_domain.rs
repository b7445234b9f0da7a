//! Where a portal's pages are: `app.hubspot.com`, `app-eu1.hubspot.com`.

use std::sync::Arc;

use reqwest::Method;
use serde::Deserialize;

use super::{HubSpot, Subject, version};
use crate::clients::http::Reply;
use crate::error::HandlerError;

/// Links lead nowhere else.
const WITHIN: &str = ".hubspot.com";

impl HubSpot<'_> {
    /// The host of the portal's pages; `None` if HubSpot refuses to say.
    pub(crate) async fn ui_domain(&self) -> Result<Option<Arc<str>>, HandlerError> {
        let asking = async {
            let request = self.api.http.request(Method::GET, &version::ACCOUNT, &[]);
            domain_in(&self.send(request, Subject::Other).await?)
        };
        self.told(self.api.ui_domains.get(self.run.portal_id(), Box::pin(asking)).await)
    }
}

fn domain_in(reply: &Reply) -> Result<Arc<str>, HandlerError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Details {
        ui_domain: Option<String>,
    }
    let details: Details = reply.json()?;
    let domain = details.ui_domain.filter(|domain| is_hubspots(domain));
    domain.map(Arc::from).ok_or_else(|| {
        HandlerError::permanent("HUBSPOT_NO_DOMAIN", "HubSpot's answer names no host of its own")
    })
}

fn is_hubspots(domain: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    domain
        .strip_suffix(WITHIN)
        .is_some_and(|name| (1..=60).contains(&name.len()) && name.chars().all(is_plain))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;
    use crate::clients::http::{Service, tests::reply};

    #[test]
    fn only_a_host_of_hubspots_own_is_taken() {
        let domain = |body: &str| domain_in(&reply(Service::HubSpot, 200, None, body));
        for host in ["app.hubspot.com", "app-eu1.hubspot.com", "app-na2.hubspot.com"] {
            let body = format!(r#"{{"portalId":62515,"uiDomain":"{host}"}}"#);
            assert_eq!(&*domain(&body).unwrap(), host);
        }
        for body in [
            "{}",
            r#"{"uiDomain":null}"#,
            r#"{"uiDomain":".hubspot.com"}"#,
            r#"{"uiDomain":"evil.example"}"#,
            r#"{"uiDomain":"evil.example/.hubspot.com"}"#,
            r#"{"uiDomain":"a@b.hubspot.com"}"#,
        ] {
            assert_eq!(domain(body).unwrap_err().code, "HUBSPOT_NO_DOMAIN", "{body}");
        }
        assert_eq!(domain("[]").unwrap_err().code, "HUBSPOT_BAD_RESPONSE");
    }
}
