//! Who may come in, and as what.
//!
//! Owns tokens and what is told of them. Refuses to show one, and to tell by its answering time
//! how much of one was right.

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::settings::console::Tokens;

mod client;
pub(super) mod cookie;
pub(super) mod door;
mod guesses;
pub(super) mod session;
mod sessions;

pub(super) use guesses::Guesses;
pub(super) use sessions::Sessions;

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Read.
    Viewer,
    /// Read, and act.
    Operator,
}

impl Role {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }
}

/// Whoever sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) role: Role,
    /// As the audit calls them.
    pub(super) name: String,
    /// Whether there is something to sign out of.
    pub(super) signed_in: bool,
}

impl Person {
    pub(super) fn may_act(&self) -> bool {
        self.role == Role::Operator
    }

    /// Whoever reaches a console that asks for no token.
    pub(super) fn anybody() -> Self {
        Self { role: Role::Operator, name: "console".to_owned(), signed_in: false }
    }

    /// Whoever has the token and gives no name.
    pub(super) fn nameless(role: Role) -> Self {
        let name = format!("console {}", role.as_str());
        Self { role, name, signed_in: false }
    }
}

/// A token.
#[derive(Clone, Debug)]
pub(super) struct Token(SecretString);

impl Token {
    pub(super) fn new(secret: &SecretString) -> Self {
        Self(secret.expose_secret().trim().into())
    }

    /// Whether it is this one, in a time that tells neither how long it is nor where they differ.
    pub(super) fn is(&self, given: &str) -> bool {
        let digest = |text: &str| Sha256::digest(text.as_bytes());
        digest(self.0.expose_secret()).ct_eq(&digest(given)).into()
    }

    /// The token's bytes, as a key only.
    fn bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

/// What lets people in.
#[derive(Clone, Debug)]
pub(super) enum Access {
    /// Anybody, on a loopback address.
    Open,
    /// Whoever has a token.
    Tokens { operator: Option<Token>, viewer: Option<Token> },
}

impl Access {
    pub(super) fn new(tokens: &Tokens) -> Self {
        let Tokens { operator, viewer } = tokens;
        if operator.is_none() && viewer.is_none() {
            return Self::Open;
        }
        let [operator, viewer] = [operator, viewer].map(|token| token.as_ref().map(Token::new));
        Self::Tokens { operator, viewer }
    }

    /// The role that a token gives, if any. Both are looked at, whichever it is.
    fn role_of(&self, given: &str) -> Option<Role> {
        let [operator, viewer] = [Role::Operator, Role::Viewer]
            .map(|role| self.token(role).is_some_and(|token| token.is(given.trim())));
        match (operator, viewer) {
            (true, _) => Some(Role::Operator),
            (_, true) => Some(Role::Viewer),
            _ => None,
        }
    }

    /// The token that gives this role.
    pub(super) fn token(&self, role: Role) -> Option<&Token> {
        match (self, role) {
            (Self::Open, _) => None,
            (Self::Tokens { operator, .. }, Role::Operator) => operator.as_ref(),
            (Self::Tokens { viewer, .. }, Role::Viewer) => viewer.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_gives_its_role_and_nothing_else_gives_one() {
        let secret = |text: &str| Some(SecretString::from(text));
        let tokens = Tokens { operator: secret("operator-token-1\n"), viewer: secret("view") };
        let access = Access::new(&tokens);
        assert_eq!(access.role_of("operator-token-1"), Some(Role::Operator));
        assert_eq!(access.role_of(" view "), Some(Role::Viewer));
        for wrong in ["", "operator-token-", "operator-token-12", "VIEW"] {
            assert_eq!(access.role_of(wrong), None, "{wrong}");
        }
        assert!(!format!("{access:?}").contains("token-1"));
        assert!(matches!(Access::new(&Tokens::default()), Access::Open));
        let viewers = Access::new(&Tokens { operator: None, viewer: secret("view") });
        assert_eq!(viewers.role_of(""), None);
    }
}
