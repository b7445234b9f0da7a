//! Tokens, and which role each gives.
//!
//! Refuses to show one, and to tell by its answering time how much of one was right.

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::person::Role;
use crate::settings::console::Tokens;

/// A token.
#[derive(Clone, Debug)]
pub(in crate::console) struct Token(SecretString);

impl Token {
    pub(in crate::console) fn new(secret: &SecretString) -> Self {
        Self(secret.expose_secret().trim().into())
    }

    /// Whether it is this one, in a time that tells neither how long it is nor where they differ.
    pub(in crate::console) fn is(&self, given: &str) -> bool {
        let digest = |text: &str| Sha256::digest(text.as_bytes());
        digest(self.0.expose_secret()).ct_eq(&digest(given)).into()
    }

    /// The token's bytes, as a key only.
    pub(super) fn bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

/// What lets people in.
#[derive(Clone, Debug)]
pub(in crate::console) enum Access {
    /// Anybody, on a loopback address.
    Open,
    /// Whoever has a token.
    Tokens { operator: Option<Token>, viewer: Option<Token> },
}

impl Access {
    pub(in crate::console) fn new(tokens: &Tokens) -> Self {
        let Tokens { operator, viewer } = tokens;
        if operator.is_none() && viewer.is_none() {
            return Self::Open;
        }
        let [operator, viewer] = [operator, viewer].map(|token| token.as_ref().map(Token::new));
        Self::Tokens { operator, viewer }
    }

    /// The role that a token gives, if any. Both are looked at, whichever it is.
    pub(super) fn role_of(&self, given: &str) -> Option<Role> {
        let [operator, viewer] = [Role::Operator, Role::Viewer]
            .map(|role| self.token(role).is_some_and(|token| token.is(given.trim())));
        match (operator, viewer) {
            (true, _) => Some(Role::Operator),
            (_, true) => Some(Role::Viewer),
            _ => None,
        }
    }

    /// The token that gives this role.
    pub(in crate::console) fn token(&self, role: Role) -> Option<&Token> {
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
