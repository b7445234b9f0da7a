//! HubSpot's token endpoint: codes and refresh tokens for tokens, each of one portal.
//!
//! As HubSpot does, it takes a refresh token for as long as the portal's consent lasts, however often it was
//! used, and whether or not it has answered with another since.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::exchange::Answer;

/// The app, and what portals have granted it.
#[derive(Debug, Default)]
pub(super) struct Oauth {
    /// Its id and secret; any is taken until it is registered.
    pub(super) app: Option<(String, String)>,
    /// The portal that a code is of; each is good for once.
    codes: BTreeMap<String, u64>,
    /// What a portal has granted. One that is not here has no consent.
    granted: BTreeMap<u64, Vec<String>>,
    refresh_tokens: BTreeMap<String, u64>,
    pub(super) access_tokens: BTreeMap<String, u64>,
    /// Refreshes that were answered with a token.
    pub(super) refreshes: u64,
    /// Whether each refresh is answered with another refresh token.
    pub(super) rotates: bool,
    /// How long an access token lasts, in seconds; 1800 unless it is set.
    pub(super) life_s: Option<u64>,
    made: u64,
}

impl Oauth {
    /// A person of this portal consents: the code that brings the browser back.
    pub(super) fn consent(&mut self, portal: u64, scopes: &[&str]) -> String {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.granted.insert(portal, scopes);
        let code = self.name("code");
        self.codes.insert(code.clone(), portal);
        code
    }

    /// The portal takes its consent back, and with it all that it has granted.
    pub(super) fn revoke(&mut self, portal: u64) {
        self.granted.remove(&portal);
        self.refresh_tokens.retain(|_, of| *of != portal);
        self.expire(portal);
    }

    /// Its access tokens are over.
    pub(super) fn expire(&mut self, portal: u64) {
        self.access_tokens.retain(|_, of| *of != portal);
    }

    /// The refresh tokens that are good.
    pub(super) fn refresh_tokens(&self) -> BTreeSet<String> {
        self.refresh_tokens.keys().cloned().collect()
    }

    /// Whether a token that this has made is still good; `None` of one that it has not made.
    pub(super) fn takes(&self, token: &str) -> Option<bool> {
        token.starts_with("at-").then(|| self.access_tokens.contains_key(token))
    }

    pub(super) fn answer(&mut self, form: &Value) -> Answer {
        let field = |name: &str| form[name].as_str().unwrap_or_default();
        if let Some((id, secret)) = &self.app {
            if field("client_id") != id {
                return refused("invalid_client", "BAD_CLIENT_ID");
            }
            if field("client_secret") != secret {
                return refused("invalid_client", "BAD_CLIENT_SECRET");
            }
        }
        match field("grant_type") {
            "authorization_code" => match self.codes.remove(field("code")) {
                Some(portal) => {
                    let refresh_token = self.name("rt");
                    self.refresh_tokens.insert(refresh_token.clone(), portal);
                    self.grant(portal, &refresh_token)
                }
                None => refused("invalid_grant", "BAD_AUTH_CODE"),
            },
            "refresh_token" => match self.refresh_tokens.get(field("refresh_token")).copied() {
                Some(portal) => {
                    self.refreshes += 1;
                    let refresh_token = if self.rotates {
                        self.name("rt")
                    } else {
                        field("refresh_token").to_owned()
                    };
                    self.refresh_tokens.insert(refresh_token.clone(), portal);
                    self.grant(portal, &refresh_token)
                }
                None => refused("invalid_grant", "BAD_REFRESH_TOKEN"),
            },
            _ => refused("unsupported_grant_type", "BAD_GRANT_TYPE"),
        }
    }

    fn grant(&mut self, portal: u64, refresh_token: &str) -> Answer {
        let access_token = self.name("at");
        self.access_tokens.insert(access_token.clone(), portal);
        Answer::new(
            200,
            json!({
                "token_type": "bearer",
                "access_token": access_token,
                "refresh_token": refresh_token,
                "expires_in": self.life_s.unwrap_or(1800),
                "hub_id": portal,
                "user_id": 7,
                "scopes": self.granted.get(&portal),
            }),
        )
    }

    fn name(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("{kind}-stand-in-{}", self.made)
    }
}

fn refused(error: &str, status: &str) -> Answer {
    Answer::new(400, json!({ "error": error, "status": status, "message": "refused" }))
}
