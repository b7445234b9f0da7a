//! The URL HubSpot called, as it went into the signature.
//!
//! Behind a proxy the socket shows another scheme and host: that is the usual reason why every
//! request is refused. So the origin is a setting; the path and query are the request's own.

/// The public origin, if one is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: Option<String>,
}

impl PublicUrl {
    /// Reads `https://host[:port]`, an origin without a path; empty is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim().trim_end_matches('/');
        if text.is_empty() {
            return Ok(Self { origin: None });
        }
        let host = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .ok_or("write the origin with its scheme, e.g. https://hooks.example.com")?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-.:[]_".contains(c);
        if host.is_empty() || text.len() > 300 || !host.chars().all(plain) {
            return Err("write only scheme and host, e.g. https://hooks.example.com; the path is WEBHOOK_PATH".to_owned());
        }
        Ok(Self { origin: Some(text.to_owned()) })
    }

    /// The full URL of a request for `path_and_query` whose `Host` header is `host`.
    pub(crate) fn rebuild(&self, host: &str, path_and_query: &str) -> String {
        match &self.origin {
            Some(origin) => format!("{origin}{path_and_query}"),
            None => format!("https://{host}{path_and_query}"),
        }
    }

    /// The origin, if it is not to be guessed.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// Whether the origin is guessed from the request.
    pub(crate) fn is_guessed(&self) -> bool {
        self.origin.is_none()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn the_origin_replaces_what_the_proxy_shows() {
        let public = PublicUrl::parse("https://hooks.example.com/").unwrap();
        assert_eq!(
            public.rebuild("10.0.0.7:8080", "/w?a=b%20c"),
            "https://hooks.example.com/w?a=b%20c"
        );
    }

    #[test]
    fn without_an_origin_the_host_header_is_taken() {
        let public = PublicUrl::parse("").unwrap();
        assert_eq!(public.rebuild("hooks.example.com", "/w"), "https://hooks.example.com/w");
        assert!(public.is_guessed());
    }

    #[test]
    fn anything_but_an_origin_is_refused() {
        for bad in [
            "hooks.example.com",
            "https://a/b",
            "ftp://a",
            "https://",
            "https://a b",
            "https://u:p@a",
        ] {
            assert!(PublicUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
