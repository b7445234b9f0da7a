//! What HubSpot grants, as it says so.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

/// An access token that is said to last for longer is not believed.
const LONGEST: Duration = Duration::from_hours(24);

/// Tokens for one portal.
pub(crate) struct Granted {
    pub(crate) access_token: SecretString,
    /// Another one, if there is: the newest has to be kept.
    pub(crate) refresh_token: Option<SecretString>,
    /// How long the access token lasts.
    pub(crate) life: Duration,
    pub(crate) hub_id: Option<u64>,
    pub(crate) user_id: Option<i64>,
    pub(crate) scopes: Option<Vec<String>>,
}

/// Leaves out the tokens.
impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted")
            .field("hub_id", &self.hub_id)
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}

/// What a portal says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PortalDetails {
    pub(crate) portal_id: Option<u64>,
    pub(crate) ui_domain: Option<String>,
    pub(crate) time_zone: Option<String>,
}

/// An array, or words in one text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scopes {
    Each(Vec<String>),
    Words(String),
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: u64,
    hub_id: Option<u64>,
    user_id: Option<i64>,
    scopes: Option<Scopes>,
    scope: Option<Scopes>,
}

impl Granted {
    /// Reads an answer; `None` if it is none that tokens can be taken from.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let answer: Answer = serde_json::from_slice(body).ok()?;
        let life = Duration::from_secs(answer.expires_in).min(LONGEST);
        let is_sound = !answer.access_token.trim().is_empty() && !life.is_zero();
        let filled = |token: String| Some(token).filter(|token| !token.trim().is_empty());
        is_sound.then(|| Self {
            access_token: SecretString::from(answer.access_token),
            refresh_token: answer.refresh_token.and_then(filled).map(SecretString::from),
            life,
            hub_id: answer.hub_id,
            user_id: answer.user_id,
            scopes: answer.scopes.or(answer.scope).map(|scopes| match scopes {
                Scopes::Each(scopes) => scopes,
                Scopes::Words(words) => words.split_whitespace().map(str::to_owned).collect(),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn an_answer_is_read_whichever_way_it_names_scopes() {
        let body =
            br#"{"token_type":"bearer","access_token":"at","refresh_token":"rt","expires_in":1800,
            "hub_id":62515,"user_id":7,"scopes":["oauth","a.b"],"is_private_distribution":true}"#;
        let granted = Granted::read(body).unwrap();
        assert_eq!((granted.hub_id, granted.user_id), (Some(62_515), Some(7)));
        assert_eq!(granted.life, Duration::from_mins(30));
        assert_eq!(granted.scopes.clone().unwrap(), ["oauth", "a.b"]);
        assert_eq!(granted.refresh_token.as_ref().unwrap().expose_secret(), "rt");
        let shown = format!("{granted:?}");
        assert!(!shown.contains("\"at\"") && !shown.contains("rt"), "{shown}");
        let body =
            br#"{"access_token":"at","refresh_token":"","expires_in":60,"scope":"oauth a.b"}"#;
        let granted = Granted::read(body).unwrap();
        assert!(granted.refresh_token.is_none() && granted.hub_id.is_none());
        assert_eq!(granted.scopes.unwrap(), ["oauth", "a.b"]);
    }

    #[test]
    fn what_is_no_grant_is_none() {
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"access_token":"at"}"#,
            r#"{"access_token":" ","expires_in":1800}"#,
            r#"{"access_token":"at","expires_in":0}"#,
            r#"{"access_token":"at","expires_in":-1}"#,
            r#"{"access_token":7,"expires_in":1800}"#,
        ] {
            assert!(Granted::read(body.as_bytes()).is_none(), "{body}");
        }
        let long = Granted::read(br#"{"access_token":"at","expires_in":99999999999}"#).unwrap();
        assert_eq!(long.life, LONGEST);
    }
}
