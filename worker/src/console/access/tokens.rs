//! Tokens, and what each gives: a role, and how far its holders see.
//!
//! Refuses to keep one, to show one, and to tell by its answering time how much of one was right, or which
//! of them.

use std::fmt;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};
use tokio::sync::watch;

use super::person::Role;
use super::reach::Reach;
use crate::settings::console::Tokens;
use crate::settings::tenant_tokens::TenantToken;

/// A token, as a digest: whoever has this has no token.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::console) struct Token([u8; 32]);

impl Token {
    fn new(secret: &str) -> Self {
        Self(Sha256::digest(secret.trim().as_bytes()).into())
    }

    /// Its digest, as a key only.
    pub(super) fn digest(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A token and what it gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::console) struct Pass {
    pub(super) token: Token,
    pub(in crate::console) role: Role,
    pub(in crate::console) reach: Reach,
}

impl Pass {
    fn of(secret: &SecretString, role: Role, reach: Reach) -> Self {
        Self { token: Token::new(secret.expose_secret()), role, reach }
    }
}

/// What lets people in.
#[derive(Clone, Debug)]
pub(in crate::console) enum Access {
    /// Anybody, on a loopback address.
    Open,
    /// Whoever has a token. Those of tenants come and go.
    Tokens(watch::Sender<Arc<Vec<Pass>>>),
}

impl Access {
    pub(in crate::console) fn new(tokens: &Tokens) -> Self {
        match passes(tokens) {
            passes if passes.is_empty() => Self::Open,
            passes => Self::Tokens(watch::Sender::new(Arc::new(passes))),
        }
    }

    /// From here on these let in, and no others. What is open stays so.
    pub(super) fn replace(&self, passes: Vec<Pass>) {
        if let Self::Tokens(kept) = self {
            kept.send_replace(Arc::new(passes));
        }
    }

    /// What a token gives, if anything. All are looked at, whichever it is.
    pub(super) fn pass(&self, given: &str) -> Option<Pass> {
        let (passes, given) = (self.passes(), Token::new(given));
        let mut place = u64::MAX;
        for (index, pass) in (0_u64..).zip(passes.iter()) {
            place.conditional_assign(&index, pass.token.0.ct_eq(&given.0));
        }
        passes.get(usize::try_from(place).ok()?).cloned()
    }

    /// The tokens that give this.
    pub(super) fn tokens_of(&self, role: Role, reach: &Reach) -> Vec<Token> {
        let passes = self.passes();
        let those = passes.iter().filter(|pass| pass.role == role && pass.reach == *reach);
        those.map(|pass| pass.token.clone()).collect()
    }

    fn passes(&self) -> Arc<Vec<Pass>> {
        match self {
            Self::Open => Arc::default(),
            Self::Tokens(passes) => passes.borrow().clone(),
        }
    }
}

/// What each token gives.
pub(super) fn passes(tokens: &Tokens) -> Vec<Pass> {
    let Tokens { operator, viewer, tenants } = tokens;
    let all = [(operator, Role::Operator), (viewer, Role::Viewer)];
    let all = all
        .into_iter()
        .filter_map(|(token, role)| token.as_ref().map(|token| Pass::of(token, role, Reach::All)));
    all.chain(tenants.iter().map(of_tenant)).collect()
}

fn of_tenant(tenant: &TenantToken) -> Pass {
    let role = if tenant.may_act { Role::Operator } else { Role::Viewer };
    Pass::of(&tenant.token, role, Reach::Origin(tenant.origin.clone()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use shared::origin::Origin;

    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    fn tenant(portal_id: u64, may_act: bool, token: &str) -> TenantToken {
        TenantToken { origin: Origin::hubspot(portal_id), may_act, token: token.into() }
    }

    #[test]
    fn a_token_gives_its_role_and_nothing_else_gives_one() {
        let (operator, viewer) = (Some(secret("operator-token-1\n")), Some(secret("view")));
        let tenants = vec![tenant(7, false, "seven"), tenant(8, true, "eight")];
        let access = Access::new(&Tokens { operator, viewer, tenants });
        let given = |text: &str| access.pass(text).map(|pass| (pass.role, pass.reach));
        let of = |portal_id| Reach::Origin(Origin::hubspot(portal_id));
        assert_eq!(given("operator-token-1"), Some((Role::Operator, Reach::All)));
        assert_eq!(given(" view "), Some((Role::Viewer, Reach::All)));
        assert_eq!(given("seven"), Some((Role::Viewer, of(7))));
        assert_eq!(given("eight"), Some((Role::Operator, of(8))));
        for wrong in ["", "operator-token-", "operator-token-12", "VIEW", "seveneight"] {
            assert_eq!(given(wrong), None, "{wrong}");
        }
        let shown = format!("{access:?}");
        assert!(!shown.contains("token-1") && !shown.contains("seven"), "{shown}");
        assert!(matches!(Access::new(&Tokens::default()), Access::Open));
        let viewers = Access::new(&Tokens { viewer: Some(secret("view")), ..Tokens::default() });
        assert_eq!(viewers.pass(""), None);
    }

    #[test]
    fn what_is_taken_away_lets_nobody_in_and_leaves_the_door_shut() {
        let tokens = |tenants| Tokens { operator: Some(secret("op")), viewer: None, tenants };
        let access = Access::new(&tokens(vec![tenant(7, false, "seven")]));
        let shared = access.clone();
        let others = tokens(vec![tenant(8, false, "seven"), tenant(7, true, "new")]);
        access.replace(passes(&others));
        assert_eq!(shared.pass("seven").unwrap().reach, Reach::Origin(Origin::hubspot(8)));
        assert_eq!(shared.pass("new").unwrap().role, Role::Operator);
        access.replace(Vec::new());
        assert!(shared.pass("op").is_none() && shared.pass("").is_none());
        assert!(matches!(shared, Access::Tokens(_)));
    }
}
