//! `CONSOLE_URL`: where people find the console, which is not where it listens if something that
//! ends TLS stands before it. Refuses what is more than an origin: the console has the whole of one.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

/// The console's public address: `https://hubline.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleUrl(Url);

impl ConsoleUrl {
    /// Whether browsers come over TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether it is of this machine alone.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self.0.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
    }

    /// Whether the two are of one origin, however host and port are spelt.
    pub(crate) fn is_origin_of(&self, url: &Url) -> bool {
        self.0.origin() == url.origin()
    }
}

impl FromStr for ConsoleUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write it as https://hubline.example.com".to_owned();
        let url = Url::parse(text.trim()).map_err(|_| wrong())?;
        let is_known = matches!(url.scheme(), "http" | "https") && url.has_host();
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let is_anybodys = url.username().is_empty() && url.password().is_none();
        if is_known && is_bare && is_anybodys { Ok(Self(url)) } else { Err(wrong()) }
    }
}

impl fmt::Display for ConsoleUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.origin().ascii_serialization())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn an_address_is_an_origin_and_nothing_more() {
        let url: ConsoleUrl = " https://Hubline.example.com:443/".parse().unwrap();
        assert_eq!((url.to_string().as_str(), url.is_tls()), ("https://hubline.example.com", true));
        assert!(url.is_origin_of(&Url::parse("https://hubline.example.com").unwrap()));
        assert!(!url.is_origin_of(&Url::parse("http://hubline.example.com").unwrap()));
        let plain: ConsoleUrl = "http://10.0.0.7:8090".parse().unwrap();
        assert_eq!((plain.to_string().as_str(), plain.is_tls()), ("http://10.0.0.7:8090", false));
        for wrong in [
            "",
            "hubline.example.com",
            "https://",
            "ftp://hubline.example.com",
            "https://user@hubline.example.com",
            "https://hubline.example.com/console",
            "https://hubline.example.com/?a=b",
            "https://hubline.example.com/#a",
        ] {
            assert!(wrong.parse::<ConsoleUrl>().is_err(), "{wrong}");
        }
    }
}
