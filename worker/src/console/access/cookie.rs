//! The session's cookie: how a browser is told to keep it, to give it back and to forget it.
//!
//! Over TLS it has a name that browsers take from this host over TLS alone (`__Host-`), so that
//! nothing beside the console, and nobody on the way to it, can put another in its place.

use actix_web::http::header::{COOKIE, HeaderMap};

/// Where TLS is.
const OVER_TLS: &str = "__Host-hubline_console";
/// Where there is none.
const PLAIN: &str = "hubline_console";

/// Has the browser keep `session` for so many seconds; none for 0.
pub(in crate::console) fn set(session: &str, seconds: i64, is_tls: bool) -> String {
    let (name, secure) = if is_tls { (OVER_TLS, "; Secure") } else { (PLAIN, "") };
    format!("{name}={session}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// Has the browser forget every session. Without TLS it heeds the first alone.
pub(in crate::console) fn forget() -> [String; 2] {
    [set("", 0, false), set("", 0, true)]
}

/// The sessions that a browser gave back. Where TLS is, one without the name that needs it is
/// nobody's.
pub(in crate::console) fn sessions(
    headers: &HeaderMap,
    is_tls: bool,
) -> impl Iterator<Item = &str> {
    let cookies = headers.get_all(COOKIE).filter_map(|cookies| cookies.to_str().ok());
    let cookies = cookies.flat_map(|cookies| cookies.split(';'));
    cookies.filter_map(move |cookie| match cookie.trim().split_once('=')? {
        (OVER_TLS, session) => Some(session),
        (PLAIN, session) if !is_tls => Some(session),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn over_tls_only_the_cookie_counts_that_came_over_tls() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "hubline_console=a; x=y".parse().unwrap());
        headers.append(COOKIE, " __Host-hubline_console=b".parse().unwrap());
        assert_eq!(sessions(&headers, false).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(sessions(&headers, true).collect::<Vec<_>>(), ["b"]);
        assert!(set("a", 1, true).starts_with("__Host-hubline_console=a; Path=/; Max-Age=1;"));
        let forgotten = forget();
        assert!(forgotten[0].starts_with("hubline_console=; Path=/; Max-Age=0;"));
        assert!(forgotten[1].starts_with("__Host-hubline_console=; Path=/; Max-Age=0;"));
        assert!(set("a", 1, true).ends_with("; Secure") && !set("a", 1, false).contains("Secure"));
    }
}
