//! The URL of a database, which is a secret: who logs in where.
//!
//! Owns what it may say. One host by its name or number, and no more of libpq's settings than how TLS is
//! spoken: each other one is refused, and could lead around the check of the address.

use std::fmt;

use percent_encoding::percent_decode_str;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

const DEFAULT_PORT: u16 = 5432;
const MAX_BYTES: usize = 2048;

/// What it has to look like.
const FORM: &str = "is no URL of a database: write it as postgres://user:password@host/database";

/// Who logs in where.
pub(crate) struct Login {
    /// The host, in the spelling of a web address, by which it is checked.
    pub(crate) host: Url,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: SecretString,
    pub(crate) database: String,
    /// Whether TLS is not spoken.
    pub(crate) is_plain: bool,
}

/// Without everything: the URL is a secret as a whole.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").finish_non_exhaustive()
    }
}

impl Login {
    /// Reads the URL. The error does not repeat it.
    pub(crate) fn parse(url: &SecretString) -> Result<Self, &'static str> {
        let text = url.expose_secret();
        if text.len() > MAX_BYTES {
            return Err("is longer than 2048 bytes");
        }
        let url = Url::parse(text).map_err(|_| FORM)?;
        if !matches!(url.scheme(), "postgres" | "postgresql") || url.fragment().is_some() {
            return Err(FORM);
        }
        // As addresses of other destinations are read, so that each host has one spelling.
        let host =
            url.host_str().filter(|host| !host.is_empty() && !host.contains(',')).ok_or(FORM)?;
        let host = Url::parse(&format!("https://{host}/")).map_err(|_| FORM)?;
        let is_host = host.username().is_empty() && host.port().is_none() && host.path() == "/";
        if !is_host {
            return Err(FORM);
        }
        let user = decoded(url.username())?;
        let password = decoded(url.password().unwrap_or_default())?;
        let database = decoded(url.path().strip_prefix('/').unwrap_or_default())?;
        if user.is_empty() || password.is_empty() || database.is_empty() || url.port() == Some(0) {
            return Err(FORM);
        }
        Ok(Self {
            host,
            port: url.port().unwrap_or(DEFAULT_PORT),
            user,
            password: password.into(),
            database,
            is_plain: is_plain(&url)?,
        })
    }
}

/// What asks for less than verification gets verification all the same: all that TLS is spoken for.
fn is_plain(url: &Url) -> Result<bool, &'static str> {
    let mut is_plain = false;
    for (key, value) in url.query_pairs() {
        is_plain = match (&*key, &*value) {
            ("sslmode", "disable") => true,
            ("sslmode", "require" | "verify-ca" | "verify-full") => false,
            ("sslmode", _) => return Err("sslmode must be verify-full or disable"),
            _ => return Err("its only parameter is sslmode: remove the others"),
        };
    }
    Ok(is_plain)
}

/// The protocol ends a text at a zero.
fn decoded(text: &str) -> Result<String, &'static str> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_| FORM)?;
    if text.contains('\0') { Err(FORM) } else { Ok(text.into_owned()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    fn login(url: &str) -> Result<Login, &'static str> {
        Login::parse(&SecretString::from(url.to_owned()))
    }

    #[test]
    fn a_url_says_who_logs_in_where() {
        let read = login("postgres://hub%40line:p%2Fw@DB.Example.com:6432/crm?sslmode=require");
        let read = read.unwrap();
        assert_eq!((read.host.as_str(), read.port), ("https://db.example.com/", 6432));
        assert_eq!((&*read.user, read.password.expose_secret()), ("hub@line", "p/w"));
        assert_eq!((&*read.database, read.is_plain), ("crm", false));
        let plain = login("postgresql://u:p@[::1]/d?sslmode=disable").unwrap();
        assert_eq!(
            (plain.host.as_str(), plain.port, plain.is_plain),
            ("https://[::1]/", 5432, true)
        );
        assert_eq!(format!("{plain:?}"), "Login { .. }");
    }

    #[test]
    fn a_host_in_whatever_notation_has_one_spelling() {
        for host in ["0x7f.1", "2130706433", "127.1", "%31%32%37.0.0.1"] {
            let read = login(&format!("postgres://u:p@{host}/d")).unwrap();
            assert_eq!(read.host.as_str(), "https://127.0.0.1/", "{host}");
        }
    }

    #[test]
    fn what_says_anything_else_is_refused_and_not_repeated() {
        for url in [
            "hunter2",
            "https://u:hunter2@db.example.com/d",
            "postgres://",
            "postgres:///d?host=/tmp",
            "postgres://db.example.com/d",
            "postgres://u@db.example.com/d",
            "postgres://u:hunter2@db.example.com",
            "postgres://u:hunter2@db.example.com/",
            "postgres://u:hunter2@db.example.com:0/d",
            "postgres://u:hunter2@a.example,b.example/d",
            "postgres://u:hunter2@%2Ftmp/d",
            "postgres://u:hunter2@a.example/d#x",
            "postgres://u:hunter2%00@a.example/d",
            "postgres://u:hunter2@a.example/d?hostaddr=127.0.0.1",
            "postgres://u:hunter2@a.example/d?sslmode=prefer",
            "postgres://u:hunter2@a.example/d?sslmode=disable&options=-cx",
        ] {
            let error = login(url).unwrap_err();
            assert!(!error.contains("hunter"), "{error}");
        }
        assert!(login(&format!("postgres://u:{}@a.example/d", "p".repeat(2048))).is_err());
    }
}
