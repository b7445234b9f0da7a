//! What a forward proxy says, told from what a destination says.
//!
//! To an https destination it gives a tunnel, in which each word is the destination's. Requests to a plain one it
//! passes on, and whatever comes back may be its own: that is its own which it marks so.

use reqwest::header::HeaderMap;
use reqwest::{StatusCode, Url};

/// Whether the proxy answered for itself: a 407, or an error as RFC 9209 has it, such as
/// `Proxy-Status: squid; error=connection_refused`.
pub(super) fn is_proxys(url: &Url, status: StatusCode, headers: &HeaderMap) -> bool {
    let has_failed = || {
        let said = headers.get_all("proxy-status").iter().filter_map(|value| value.to_str().ok());
        said.flat_map(|said| said.split(';')).any(|part| part.trim_start().starts_with("error="))
    };
    url.scheme() == "http"
        && (status == StatusCode::PROXY_AUTHENTICATION_REQUIRED
            || (!status.is_success() && has_failed()))
}

/// Whether a request with this fault came no further than the proxy. `why` is hyper's word: it names a tunnel
/// where the proxy is away or makes none, whatever its status.
pub(super) fn is_before(url: &Url, is_connecting: bool, why: &str) -> bool {
    match url.scheme() {
        "http" => is_connecting,
        _ => why.contains("tunnel error"),
    }
}
