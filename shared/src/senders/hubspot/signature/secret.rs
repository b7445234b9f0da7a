//! The app's client secret, which HubSpot signs with, and its predecessor during a rotation.
//!
//! Owns what is surely not a client secret. Refuses to show one.

use std::{fmt, str::FromStr};

use secrecy::{ExposeSecret, SecretString};

/// What a secret should have at least, as tokens of the console must.
const MIN_CHARS: usize = 16;

/// A HubSpot app's client secret, as the app's Auth settings show it.
#[derive(Clone)]
pub struct ClientSecret(SecretString);

/// Why a text is no client secret. No variant carries the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Nothing, or nothing but whitespace.
    #[error("the client secret is empty")]
    Empty,
    /// A private app's access token. HubSpot signs with the client secret, never with the token.
    #[error(
        "this is a private app's access token (pat-…), not its client secret: \
         the client secret stands in the app's Auth settings"
    )]
    AccessToken,
}

impl ClientSecret {
    /// Takes a secret; whitespace around it, such as a file's last newline, is no part of it.
    pub fn new(secret: impl Into<SecretString>) -> Result<Self, SecretError> {
        let secret = secret.into();
        let text = secret.expose_secret().trim();
        if text.is_empty() {
            return Err(SecretError::Empty);
        }
        if text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("pat-")) {
            return Err(SecretError::AccessToken);
        }
        Ok(Self(text.into()))
    }

    /// Whether it is shorter than any that HubSpot gives out (36 characters), so short that it can be
    /// guessed: below 16 characters.
    pub fn is_short(&self) -> bool {
        self.0.expose_secret().chars().count() < MIN_CHARS
    }

    /// The secret's bytes, for the digests only.
    pub(super) fn bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

impl FromStr for ClientSecret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClientSecret([REDACTED])")
    }
}

/// The secrets under which a signature is valid. While one replaces the other, both are live.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// The app's secret.
    pub current: ClientSecret,
    /// The one before it, until HubSpot signs nothing with it any more.
    pub previous: Option<ClientSecret>,
}

impl Secrets {
    pub(super) fn live(&self) -> impl Iterator<Item = &ClientSecret> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn nothing_and_whitespace_are_refused() {
        for text in ["", " ", "\n\t "] {
            assert_eq!(ClientSecret::new(text).unwrap_err(), SecretError::Empty);
        }
    }

    #[test]
    fn an_access_token_is_refused_without_being_repeated() {
        for text in ["pat-na1-11111111-2222", " pat-eu1-1\n", "PAT-NA1-1", "pat-"] {
            let error = text.parse::<ClientSecret>().unwrap_err();
            assert_eq!(error, SecretError::AccessToken);
            assert!(!error.to_string().contains('1'));
        }
        assert!(ClientSecret::new("patience").is_ok());
        assert!(ClientSecret::new("€€€").is_ok());
    }

    #[test]
    fn whitespace_around_a_secret_is_no_part_of_it() {
        let secret = ClientSecret::new(SecretString::from("  s3cret\r\n")).unwrap();
        assert_eq!(secret.bytes(), b"s3cret");
        assert_eq!(ClientSecret::new(String::from("s3cret")).unwrap().bytes(), b"s3cret");
    }

    #[test]
    fn debug_shows_no_secret() {
        let current = ClientSecret::new("current-s3cret").unwrap();
        let previous = Some(ClientSecret::new("previous-s3cret").unwrap());
        let shown = format!("{:?} {current:?}", Secrets { current: current.clone(), previous });
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.contains("[REDACTED]"));
    }
}
