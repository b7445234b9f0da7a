//! The cookie that binds an install to the browser that began it.
//!
//! `SameSite=Lax`, since HubSpot sends the browser back by a link. Over TLS it has a name that browsers take from
//! this host over TLS alone.

use actix_web::http::header::{COOKIE, HeaderMap};

use super::state::LASTS_S;

const OVER_TLS: &str = "__Host-hubline_install";
const PLAIN: &str = "hubline_install";

/// Has the browser keep `secret` as long as a state lasts.
pub(super) fn set(secret: &str, is_tls: bool) -> String {
    with(secret, LASTS_S, is_tls)
}

/// Has it forget what it kept.
pub(super) fn forget(is_tls: bool) -> String {
    with("", 0, is_tls)
}

fn with(secret: &str, seconds: i64, is_tls: bool) -> String {
    let (name, secure) = if is_tls { (OVER_TLS, "; Secure") } else { (PLAIN, "") };
    format!("{name}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

/// What a browser gave back.
pub(super) fn secrets(headers: &HeaderMap, is_tls: bool) -> impl Iterator<Item = &str> {
    let name = if is_tls { OVER_TLS } else { PLAIN };
    let cookies = headers.get_all(COOKIE).filter_map(|cookies| cookies.to_str().ok());
    cookies.flat_map(|cookies| cookies.split(';')).filter_map(move |cookie| {
        let (given, secret) = cookie.trim().split_once('=')?;
        (given == name).then_some(secret)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn over_tls_only_the_cookie_counts_that_came_over_tls() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "hubline_install=a; __Host-hubline_install=b".parse().unwrap());
        assert_eq!(secrets(&headers, true).collect::<Vec<_>>(), ["b"]);
        assert_eq!(secrets(&headers, false).collect::<Vec<_>>(), ["a"]);
        for is_tls in [true, false] {
            let cookie = set("a", is_tls);
            assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
            assert_eq!(cookie.ends_with("; Secure"), is_tls, "{cookie}");
            assert!(forget(is_tls).contains("Max-Age=0;"));
        }
    }
}
