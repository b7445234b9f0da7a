//! Which tokens go out: whichever is read, or only the one that somebody has vouched for.
//!
//! Token and account are one value, read together: what was meant for one account never goes out with
//! another's token, however long it has waited since then.

use std::sync::Arc;

use super::token::Token;

/// A token that may go out.
#[derive(Debug)]
pub(crate) struct Voucher {
    pub(crate) token: Arc<Token>,
    /// The account that it is for; `None` if it is used for all.
    pub(crate) account: Option<u64>,
}

/// Which tokens may.
#[derive(Debug, Default)]
pub(super) enum Vouched {
    /// Whatever is read.
    #[default]
    Any,
    /// This one, if there is one yet.
    Only(Option<Voucher>),
}

impl Vouched {
    /// Whether a token may go out with a request that is meant for this account.
    pub(super) fn covers(&self, token: &Arc<Token>, account: Option<u64>) -> bool {
        match self {
            Self::Any => true,
            Self::Only(None) => false,
            Self::Only(Some(known)) => {
                let is_for_it = known.account.is_none() || known.account == account;
                Arc::ptr_eq(&known.token, token) && is_for_it
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;
    use crate::service::Service;

    fn token() -> Arc<Token> {
        Arc::new(Token::address(Service::HubSpot, &"http://localhost/".parse().unwrap()))
    }

    #[test]
    fn a_token_goes_out_for_the_account_that_it_is_for() {
        let (known, other) = (token(), token());
        let of = |account| Vouched::Only(Some(Voucher { token: Arc::clone(&known), account }));
        assert!(of(Some(62_515)).covers(&known, Some(62_515)));
        assert!(!of(Some(62_515)).covers(&other, Some(62_515)), "another token");
        assert!(!of(Some(62_515)).covers(&known, Some(99)), "another account");
        assert!(!of(Some(62_515)).covers(&known, None));
        for account in [None, Some(99)] {
            assert!(of(None).covers(&known, account), "it is used for all");
            assert!(Vouched::Any.covers(&other, account));
            assert!(!Vouched::Only(None).covers(&known, account));
        }
    }
}
