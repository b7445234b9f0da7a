//! The page that says what went wrong, and what goes on after it.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use askama::Template;

use super::fault::Fault;
use super::frame::{Frame, Tab};
use super::offer::Offer;

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
