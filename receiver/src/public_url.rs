//! The URL HubSpot called, as it went into the signature.
//!
//! Behind a proxy the socket shows another scheme and host: that is the usual reason why every
//! request is refused. So the origin is a setting, and with it what a gateway takes off the path; the
//! rest of the path and the query are the request's own.

/// The public origin and the beginning of the path that does not arrive here, if they are set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    base: Option<String>,
}

impl PublicUrl {
    /// Reads `https://host[:port][/path]`; empty is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim().trim_end_matches('/');
        if text.is_empty() {
            return Ok(Self { base: None });
        }
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .ok_or("write it with its scheme, e.g. https://hooks.example.com")?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let in_host = |c: char| c.is_ascii_alphanumeric() || "-.:[]_".contains(c);
        // As it is signed: escapes stay as they are.
        let in_path = |c: char| c.is_ascii_alphanumeric() || "/-_.~%".contains(c);
        if host.is_empty()
            || text.len() > 300
            || !host.chars().all(in_host)
            || !path.chars().all(in_path)
        {
            return Err(
                "write scheme and host, e.g. https://hooks.example.com, and the part of the \
                        path that does not arrive here; the rest is WEBHOOK_PATH"
                    .to_owned(),
            );
        }
        Ok(Self { base: Some(text.to_owned()) })
    }

    /// The full URL of a request for `path_and_query` whose `Host` header is `host`.
    pub(crate) fn rebuild(&self, host: &str, path_and_query: &str) -> String {
        match &self.base {
            Some(base) => format!("{base}{path_and_query}"),
            None => format!("https://{host}{path_and_query}"),
        }
    }

    /// What comes before `WEBHOOK_PATH`, if it is not to be guessed.
    pub fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    /// Whether the origin is guessed from the request.
    pub(crate) fn is_guessed(&self) -> bool {
        self.base.is_none()
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
    fn what_a_gateway_takes_off_is_put_back() {
        let public = PublicUrl::parse("https://hooks.example.com/prod/eu%201/").unwrap();
        assert_eq!(
            public.rebuild("10.0.0.7", "/w?a=b"),
            "https://hooks.example.com/prod/eu%201/w?a=b"
        );
    }

    #[test]
    fn without_an_origin_the_host_header_is_taken() {
        let public = PublicUrl::parse("").unwrap();
        assert_eq!(public.rebuild("hooks.example.com", "/w"), "https://hooks.example.com/w");
        assert!(public.is_guessed());
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "hooks.example.com",
            "https://a/b?c",
            "https://a/b#c",
            "https:///b",
            "ftp://a",
            "https://",
            "https://a b",
            "https://u:p@a",
        ] {
            assert!(PublicUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
