//! Why a destination is not called.
//!
//! Owns the words, which a tenant may see: they name no address that a name leads to, for that would tell
//! of the network that the worker is in.

use std::error::Error;

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// Not HTTPS.
    #[error("only https is called; http is where the operator allows the host")]
    Scheme,
    /// A database without TLS.
    #[error("a database is called over TLS; without it where the operator allows the host")]
    Plain,
    /// Another host than those of Slack's webhooks.
    #[error("this is no host of Slack's webhooks (hooks.slack.com); the operator can allow it")]
    NotSlack,
    /// With a user name or a password, which would be kept and shown with the address.
    #[error("an address of a destination holds no user name and no password")]
    Userinfo,
    /// Another port than that of the scheme.
    #[error("port {0} is not called; the operator can allow the host with it")]
    Port(u16),
    /// A name that means something only in a local network, or nothing at all.
    #[error("this is no name of a host on the internet; the operator can allow it")]
    Name,
    /// An address in numbers that is not on the internet.
    #[error("this is no address on the internet; the operator can allow it")]
    Address,
    /// A name that leads to such addresses only.
    #[error("this name leads to no address on the internet; the operator can allow it")]
    Resolved,
}

impl Refused {
    /// The refusal that this error comes from, if it does: an HTTP client wraps it more than once.
    pub(crate) fn find_in<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        std::iter::successors(Some(error), |&error| error.source())
            .find_map(|error| error.downcast_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("it did not work")]
    struct Wrapped(#[source] Box<dyn Error + Send + Sync>);

    #[test]
    fn a_refusal_is_found_however_deep_it_is() {
        let wrapped = Wrapped(Box::new(Wrapped(Box::new(Refused::Resolved))));
        assert_eq!(Refused::find_in(&wrapped), Some(&Refused::Resolved));
        assert_eq!(Refused::find_in(&Refused::Port(22)), Some(&Refused::Port(22)));
        assert_eq!(Refused::find_in(&Wrapped("another".into())), None);
    }
}
