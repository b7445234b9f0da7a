//! Why there is no page: what went wrong, in words for whoever asked.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use askama::Template;

use super::frame::{Frame, Tab};

/// Why there is no page.
#[derive(Debug)]
pub(super) enum Fault {
    /// There is no such thing.
    NotFound(String),
    /// The question cannot be understood.
    Wrong(String),
    /// Nobody is signed in, and there is no page to sign in on.
    SignIn,
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
}

impl Fault {
    fn title(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "Not found",
            Self::Wrong(_) => "That cannot be done",
            Self::SignIn => "Sign in first",
            Self::Forbidden(_) => "Not allowed",
            Self::Misdirected(_) => "Not this address",
            Self::Method => "Not like this",
            Self::TooLarge => "Too much",
            Self::Unavailable(_) => "The records do not answer",
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
            Self::Method => "This address is not asked like this.",
            Self::TooLarge => "The form is larger than any that is made here.",
            Self::Unavailable(_) => {
                "The database of the records cannot be reached, or does not answer in time. \
                 Nothing is lost: events are processed as ever, and dead letters wait in their \
                 queue. This page tries again by itself."
            }
            Self::Broken(_) => "The console made a mistake. It stands in its log.",
        }
    }

    /// The page that says so, and what the log must know.
    pub(super) fn page(&self, frame: Frame) -> HttpResponse {
        match self {
            Self::Unavailable(error) => {
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
        let again = matches!(self, Self::Unavailable(_)).then_some(10);
        let page = FaultPage { frame, code: status.as_u16(), title, what: self.what(), again };
        let mut answer = HttpResponse::build(status);
        if again.is_some() {
            answer.insert_header(("retry-after", "10"));
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
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Misdirected(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Of somebody unknown; who it is about is put in by the guard.
    fn error_response(&self) -> HttpResponse {
        self.page(Frame::new(self.title(), Tab::None, None))
    }
}
