//! Where a request says that it comes from and goes to. A browser does not let a page of
//! somebody else's lie about either.

use std::net::IpAddr;

use actix_web::http::Uri;
use actix_web::http::header::{FORWARDED, HOST, HeaderMap, HeaderName, ORIGIN};
use reqwest::Url;

use crate::settings::ConsoleUrl;

/// What proxies add.
const PROXIED: [HeaderName; 4] = [
    FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-real-ip"),
];

/// Without a token a console answers this machine alone, and nothing that merely resolves to it:
/// else any page on the web could have its own name point here and read all there is.
pub(super) fn is_local(headers: &HeaderMap, uri: &Uri) -> Result<(), &'static str> {
    if PROXIED.iter().any(|name| headers.contains_key(name)) {
        return Err("This came through a proxy, and whoever can reach that could do everything \
                    here: set CONSOLE_TOKEN.");
    }
    if host(headers, uri).is_some_and(|host| is_loopback(name_of(host))) {
        return Ok(());
    }
    Err(
        "Without CONSOLE_TOKEN the console answers only as localhost or a loopback address such as \
         127.0.0.1: open it under such a name, or set a token.",
    )
}

/// What changes something must come from a page of the console's own. Browsers say so by themselves
/// over TLS and on this machine (`Sec-Fetch-Site`); elsewhere they say which origin the page is of,
/// and that has to be the one that was asked, or the public address.
pub(in crate::console) fn is_own(
    headers: &HeaderMap,
    uri: &Uri,
    public: Option<&ConsoleUrl>,
) -> Result<(), &'static str> {
    if let Some(site) = headers.get("sec-fetch-site") {
        let elsewhere = "This came from another site.";
        return if site == "same-origin" { Ok(()) } else { Err(elsewhere) };
    }
    let Some(origin) = page_of(headers) else {
        return Err("This came from something that does not say which page it comes from. \
                    Programs send `Sec-Fetch-Site: same-origin`.");
    };
    let is_public = public.is_some_and(|public| public.is_origin_of(&origin));
    // The same scheme, which a proxy may have changed: host and port are what matters. But where the
    // public address is asked over TLS, a page that came without it may be anybody's.
    let asked = if is_public_tls(headers, uri, public) {
        None
    } else {
        host(headers, uri)
            .and_then(|host| Url::parse(&format!("{}://{host}", origin.scheme())).ok())
    };
    if is_public || asked.is_some_and(|asked| asked.origin() == origin.origin()) {
        return Ok(());
    }
    Err("This came from a page of another address than the console was asked by. If that page was \
         the console's own, a proxy changes the Host header: set CONSOLE_URL to the address that \
         the browser shows.")
}

/// Whether the browser is asking over TLS, which ends before it comes here: as the page says that
/// asks, or the proxy, or else the public address.
pub(in crate::console) fn is_tls(
    headers: &HeaderMap,
    uri: &Uri,
    public: Option<&ConsoleUrl>,
) -> bool {
    if let Some(origin) = page_of(headers) {
        return origin.scheme() == "https";
    }
    if let Some(protocol) = headers.get("x-forwarded-proto") {
        return protocol == "https";
    }
    is_public_tls(headers, uri, public)
}

/// Whether the public address was asked, and is one over TLS.
fn is_public_tls(headers: &HeaderMap, uri: &Uri, public: Option<&ConsoleUrl>) -> bool {
    let asked = host(headers, uri).and_then(|host| Url::parse(&format!("https://{host}")).ok());
    public.is_some_and(|public| {
        public.is_tls() && asked.is_some_and(|asked| public.is_origin_of(&asked))
    })
}

/// The origin of the page that asks, if the browser tells one.
fn page_of(headers: &HeaderMap) -> Option<Url> {
    let origin = headers.get(ORIGIN)?.to_str().ok()?;
    Url::parse(origin).ok().filter(|origin| matches!(origin.scheme(), "http" | "https"))
}

/// Host and port that were asked for. Twice is once too often to be believed.
fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    if let Some(authority) = uri.authority() {
        return Some(authority.as_str());
    }
    let mut hosts = headers.get_all(HOST);
    let host = hosts.next()?.to_str().ok()?;
    hosts.next().is_none().then_some(host)
}

/// The name without its port and brackets.
fn name_of(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    host.split(':').next().unwrap_or_default()
}

fn is_loopback(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_address = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    is_address || name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name.parse().unwrap(), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_loopback_names_are_local() {
        let uri = Uri::from_static("/");
        for host in
            ["localhost", "LOCALHOST:8090", "127.0.0.1:1", "127.9.9.9", "[::1]:8090", "a.localhost"]
        {
            assert!(is_local(&headers(&[("host", host)]), &uri).is_ok(), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8090",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "10.0.0.7",
            "[::2]:1",
            "0.0.0.0",
            "",
        ] {
            assert!(is_local(&headers(&[("host", host)]), &uri).is_err(), "{host}");
        }
        assert!(is_local(&headers(&[]), &uri).is_err());
        let twice = headers(&[("host", "localhost"), ("host", "evil.example")]);
        assert!(is_local(&twice, &uri).is_err());
        let elsewhere = Uri::from_static("http://evil.example/");
        assert!(is_local(&headers(&[("host", "localhost")]), &elsewhere).is_err());
        let proxied = headers(&[("host", "127.0.0.1"), ("x-forwarded-for", "10.0.0.7")]);
        assert!(is_local(&proxied, &uri).is_err());
    }

    #[test]
    fn only_pages_of_ones_own_change_something() {
        let uri = Uri::from_static("/");
        let of = |pairs: &[(&str, &str)]| {
            let all = [&[("host", "console.example:8090")], pairs].concat();
            is_own(&headers(&all), &uri, None).is_ok()
        };
        assert!(of(&[("sec-fetch-site", "same-origin")]));
        assert!(of(&[("origin", "http://console.example:8090")]));
        assert!(of(&[("origin", "https://Console.example:8090")]));
        for wrong in [
            &[][..],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "cross-site"), ("origin", "http://console.example:8090")],
            &[("origin", "http://console.example")],
            &[("origin", "http://evil.example")],
            &[("origin", "http://evil.example:8090")],
            &[("origin", "file://console.example:8090")],
            &[("origin", "null")],
            &[("referer", "http://console.example:8090/")],
        ] {
            assert!(!of(wrong), "{wrong:?}");
        }
        // A port that need not be said may be said.
        let default =
            headers(&[("host", "console.example:443"), ("origin", "https://console.example")]);
        assert!(is_own(&default, &uri, None).is_ok());
    }

    #[test]
    fn the_public_address_is_ones_own_and_says_whether_there_is_tls() {
        let (uri, public) = (Uri::from_static("/"), "https://hubline.example".parse().unwrap());
        let public = Some(&public);
        let of = |pairs: &[(&str, &str)]| {
            let headers = headers(pairs);
            (is_own(&headers, &uri, public).is_ok(), is_tls(&headers, &uri, public))
        };
        // A proxy that says who it is itself.
        let (upstream, name) = (("host", "console:8090"), ("host", "hubline.example"));
        assert_eq!(of(&[upstream, ("origin", "https://hubline.example")]), (true, true));
        assert_eq!(of(&[upstream, ("origin", "http://hubline.example")]), (false, false));
        assert_eq!(of(&[upstream, ("origin", "https://evil.example")]), (false, true));
        // As the proxy was asked: then only over TLS.
        assert_eq!(of(&[name, ("origin", "https://hubline.example")]), (true, true));
        assert_eq!(of(&[name, ("origin", "http://hubline.example")]), (false, false));
        // Through a tunnel to this machine.
        let tunnel = [("host", "127.0.0.1:8090"), ("origin", "http://127.0.0.1:8090")];
        assert_eq!(of(&tunnel), (true, false));
        // Where no page is named.
        assert_eq!(of(&[name]), (false, true));
        assert_eq!(of(&[upstream]), (false, false));
        assert_eq!(of(&[upstream, ("x-forwarded-proto", "https")]), (false, true));
        assert_eq!(of(&[name, ("x-forwarded-proto", "http")]), (false, false));
    }
}
