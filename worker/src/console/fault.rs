//! Why there is no page: what went wrong, in words for whoever asked.

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use askama::Template;

use super::frame::{Frame, Tab};
use super::offer::Offer;

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

#[derive(Template)]
#[template(path = "fault.html")]
struct FaultPage<'a> {
    frame: Frame,
    code: u16,
    title: &'a str,
    what: &'a str,
    /// Seconds until the browser tries again.
    again: Option<u8>,
    /// What was posted and can be sent again.
    offer: Option<Offer>,
}

/// What goes on after a fault that passes.
pub(super) enum Then {
    /// The browser asks for the page again, by itself.
    Again,
    /// Whoever posted this decides.
    Offer(Box<Offer>),
    /// Nothing.
    Nothing,
}

impl Fault {
    fn title(&self) -> &'static str {
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

    fn what(&self) -> &str {
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

    /// The page that says so, and what the log must know.
    pub(super) fn page(&self, frame: Frame, then: Then) -> HttpResponse {
        match self {
            Self::Unavailable(error) | Self::TooLong(error) => {
                let error = format!("{error:#}");
                tracing::warn!(error, "a page of the console could not be made");
            }
            Self::Broken(error) => {
                let error = format!("{error:#}");
                tracing::error!(error, "a page of the console is broken");
            }
            _ => {}
        }
        let (status, title) = (self.status_code(), self.title());
        let passes = matches!(self, Self::Unavailable(_));
        let (again, offer) = match then {
            Then::Again if passes => (Some(10), None),
            Then::Offer(offer) if passes || matches!(self, Self::TooLong(_)) => {
                (None, Some(*offer))
            }
            _ => (None, None),
        };
        let retry_after = match self {
            Self::Unavailable(_) => Some(10),
            Self::TooMany(wait) => Some(wait.as_secs().max(1)),
            _ => None,
        };
        let page =
            FaultPage { frame, code: status.as_u16(), title, what: self.what(), again, offer };
        let mut answer = HttpResponse::build(status);
        if let Some(seconds) = retry_after {
            answer.insert_header(("retry-after", seconds.to_string()));
        }
        match page.render() {
            Ok(html) => answer.content_type("text/html; charset=utf-8").body(html),
            Err(_) => answer.content_type("text/plain; charset=utf-8").body(title),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

impl ResponseError for Fault {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Wrong(_) => StatusCode::BAD_REQUEST,
            Self::SignIn => StatusCode::UNAUTHORIZED,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Misdirected(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable(_) | Self::TooLong(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Of somebody unknown; who it is about is put in by the guard.
    fn error_response(&self) -> HttpResponse {
        self.page(Frame::new(self.title(), Tab::None, None), Then::Nothing)
    }
}
