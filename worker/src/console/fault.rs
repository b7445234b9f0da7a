//! Why there is no page: what went wrong, in words for whoever asked.

use std::fmt;
use std::time::Duration;

/// Why there is no page.
#[derive(Debug)]
pub(super) enum Fault {
    /// There is no such thing.
    NotFound(String),
    /// The question cannot be understood.
    Wrong(String),
    /// Nobody is signed in, and there is no page to sign in on.
    SignIn,
    /// Too many wrong tokens came from there; there is room for another one after this time.
    TooMany(Duration),
    /// Not with this role, or not from there.
    Forbidden(String),
    /// The request is for somebody else.
    Misdirected(String),
    /// This page cannot be posted to, or only.
    Method,
    /// The form is larger than any that is made here.
    TooLarge,
    /// The records do not answer.
    Unavailable(anyhow::Error),
    /// The records have ended a question that took longer than it may.
    TooLong(anyhow::Error),
    /// A mistake of the program's.
    Broken(anyhow::Error),
}

impl Fault {
    /// There is nothing at this address, or nothing that whoever asks may know of: they are told the same.
    pub(super) fn nothing() -> Self {
        Self::NotFound("There is no such page.".to_owned())
    }

    pub(super) fn title(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "Not found",
            Self::Wrong(_) => "That cannot be done",
            Self::SignIn => "Sign in first",
            Self::TooMany(_) => "Too many wrong tokens",
            Self::Forbidden(_) => "Not allowed",
            Self::Misdirected(_) => "Not this address",
            Self::Method => "Not like this",
            Self::TooLarge => "Too much",
            Self::Unavailable(_) => "The records do not answer",
            Self::TooLong(_) => "This takes too long",
            Self::Broken(_) => "Something broke",
        }
    }

    pub(super) fn what(&self) -> &str {
        match self {
            Self::NotFound(what)
            | Self::Wrong(what)
            | Self::Forbidden(what)
            | Self::Misdirected(what) => what,
            Self::SignIn => "This needs a token: as `Authorization: Bearer …`, or sign in.",
            Self::TooMany(_) => {
                "So many wrong tokens came from your address, or through the proxy that you share, \
                 that no other one is looked at for a moment. Who is signed in stays so."
            }
            Self::Method => "This address is not asked like this.",
            Self::TooLarge => "The form is larger than any that is made here.",
            Self::Unavailable(_) => {
                "The database of the records cannot be reached, or does not answer in time. \
                 Nothing is lost: events are processed as ever, and dead letters wait in their \
                 queue."
            }
            Self::TooLong(_) => {
                "The records took longer for this than a page may. Ask for less: a shorter time, one \
                 origin, one object. It is not tried again by itself."
            }
            Self::Broken(_) => "The console made a mistake. It stands in its log.",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}
