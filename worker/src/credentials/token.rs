//! A token, and the name under which it is paused.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Request, Url};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use shared::origin::Origin;

use crate::hex::hex;
use crate::service::Service;

/// What is sent to be let in.
pub(crate) struct Token {
    secret: SecretString,
    bearer: Option<HeaderValue>,
    name: String,
}

/// Shows its pause's name alone.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Token {
    /// Sent as a bearer token. The error does not quote it.
    pub(super) fn bearer(
        service: Service,
        base: &Url,
        secret: &SecretString,
    ) -> anyhow::Result<Self> {
        let text = secret.expose_secret().trim();
        let mut bearer = HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| {
            anyhow::anyhow!(
                "the token for {} holds a character that no header may have",
                service.name()
            )
        })?;
        bearer.set_sensitive(true);
        let name = name(service, base, text);
        Ok(Self { secret: SecretString::from(text.to_owned()), bearer: Some(bearer), name })
    }

    /// The same of one portal, which is in its name: no other's is paused with it.
    pub(super) fn of_portal(
        service: Service,
        base: &Url,
        origin: &Origin,
        secret: &SecretString,
    ) -> anyhow::Result<Self> {
        let mut token = Self::bearer(service, base, secret)?;
        token.name = format!("{origin}/{}", token.name.rsplit('/').next().unwrap_or_default());
        Ok(token)
    }

    /// The address itself, which may be a secret: all of it, or what servers quote of it.
    pub(super) fn address(service: Service, base: &Url) -> Self {
        let path = match base.query() {
            Some(query) => format!("{}?{query}", base.path()),
            None => base.path().to_owned(),
        };
        let secret = SecretString::from(if path == "/" { base.to_string() } else { path });
        Self { secret, bearer: None, name: name(service, base, "") }
    }

    /// The same for whoever has the same token: `hubspot/4af1`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What may be quoted nowhere.
    pub(crate) fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// Puts it onto a request.
    pub(crate) fn sign(&self, request: &mut Request) {
        if let Some(bearer) = &self.bearer {
            request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        }
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        self.secret.expose_secret() == other.secret.expose_secret()
    }
}

/// Another token has another name, so that it is not paused with this one. Of the token's hash 16 bits:
/// to try words until one fits leads nowhere, and should two tokens have one name the new one has to
/// wait for the next try.
fn name(service: Service, base: &Url, token: &str) -> String {
    let key = format!("hubline pause of {}", service.as_str());
    // A key of any length will do.
    let Ok(mut hash) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else {
        return service.as_str().to_owned();
    };
    hash.update(base.as_str().as_bytes());
    hash.update(b"\0");
    hash.update(token.as_bytes());
    format!("{}/{}", service.as_str(), hex(&hash.finalize().into_bytes()[..2]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    fn token(base: &str, secret: &str) -> Token {
        let secret = SecretString::from(secret.to_owned());
        Token::bearer(Service::HubSpot, &base.parse().unwrap(), &secret).unwrap()
    }

    #[test]
    fn its_name_is_its_own_and_tells_next_to_nothing() {
        let (one, same) = (token("http://a/", "hunter2\n"), token("http://a/", "hunter2"));
        assert_eq!(one.name(), same.name());
        let length = "hubspot/".len() + 4;
        assert!(one.name().starts_with("hubspot/") && one.name().len() == length, "{one:?}");
        for other in [token("http://a/", "hunter3"), token("http://b/", "hunter2")] {
            assert_ne!(one.name(), other.name());
        }
        assert!(!format!("{one:?}").contains("hunter2"));
    }

    #[test]
    fn what_no_header_may_have_is_refused_and_not_quoted() {
        let secret = SecretString::from("hunter2\u{1}".to_owned());
        let base = "http://a/".parse().unwrap();
        let error = Token::bearer(Service::Erp, &base, &secret).unwrap_err().to_string();
        assert!(error.contains("ERP") && !error.contains("hunter2"), "{error}");
    }
}
