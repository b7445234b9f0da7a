//! Where an install that was begun in HubSpot's marketplace goes on: at HubSpot, and nowhere else.

use reqwest::Url;

/// The longest that is looked at, in bytes.
const LONGEST: usize = 2048;
/// A data centre of HubSpot's: `eu1`.
const LONGEST_HUBLET: usize = 16;

/// The address, if it is one of HubSpot's app.
pub(super) fn at_hubspot(text: &str) -> Option<Url> {
    if text.len() > LONGEST {
        return None;
    }
    let url: Url = text.parse().ok()?;
    let is_plain = url.scheme() == "https"
        && url.username().is_empty()
        && url.password().is_none()
        && url.port().is_none();
    (is_plain && url.host_str().is_some_and(is_app)).then_some(url)
}

/// Whether a host is HubSpot's app: `app.hubspot.com`, `app-eu1.hubspot.com`.
pub(super) fn is_app(host: &str) -> bool {
    if host == "app.hubspot.com" {
        return true;
    }
    let hublet = host.strip_prefix("app-").and_then(|rest| rest.strip_suffix(".hubspot.com"));
    hublet.is_some_and(|hublet| {
        (1..=LONGEST_HUBLET).contains(&hublet.len())
            && hublet.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hubspots_app_is_returned_to() {
        for url in [
            "https://app.hubspot.com/ecosystem/62515/install?a=b",
            "https://app-eu1.hubspot.com/x",
            "https://app-na2.hubspot.com",
            "https://app.hubspot.com:443/x",
        ] {
            assert!(at_hubspot(url).is_some(), "{url}");
        }
        for url in [
            "",
            "/x",
            "//evil.example",
            "http://app.hubspot.com/x",
            "https://app.hubspot.com:8443/x",
            "https://app.hubspot.com.evil.example/x",
            "https://evil.example/app.hubspot.com",
            "https://app.hubspot.com@evil.example/x",
            "https://user@app.hubspot.com/x",
            "https://app-.hubspot.com/x",
            "https://app-a.b.hubspot.com/x",
            "https://app-eu1.evil.hubspot.com.example",
            "https://evilapp.hubspot.com/x",
            "https://api.hubspot.com/x",
            "https://app.hubspot.com\\@evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
        ] {
            let at = at_hubspot(url);
            let is_refused = at.as_ref().is_none_or(|at| at.host_str() == Some("app.hubspot.com"));
            assert!(is_refused, "{url}: {at:?}");
            if !url.contains('\\') {
                assert!(at.is_none(), "{url}: {at:?}");
            }
        }
        assert!(at_hubspot(&format!("https://app.hubspot.com/{}", "a".repeat(3000))).is_none());
    }
}
