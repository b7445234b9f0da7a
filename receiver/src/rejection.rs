//! Why a request is not taken: every answer that is not 200, its status, its stable code, and no more
//! than that.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::Serialize;
use shared::broker::PublishError;
use shared::senders::BadSignature;

/// After how many seconds to come again.
const RETRY_AFTER_SECONDS: &str = "10";

/// Why a request is not answered 200.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Rejection {
    #[error("{0}")]
    Signature(BadSignature),
    #[error("no such path")]
    NotFound,
    #[error("only POST is taken here")]
    Method,
    #[error("the head is too large")]
    HeadTooLarge,
    #[error("the body is too large")]
    TooLarge,
    #[error("the body did not arrive in time")]
    Slow,
    #[error("the body broke off")]
    Broken,
    #[error("only application/json is taken here")]
    ContentType,
    #[error("{0}")]
    Broker(PublishError),
    #[error("too many events are waiting")]
    Full,
    #[error("too much is being read at once")]
    Busy,
    #[error("shutting down")]
    ShuttingDown,
}

impl Rejection {
    /// The stable code of every one of them.
    pub(crate) fn codes() -> impl Iterator<Item = &'static str> {
        let broker = [
            PublishError::Unavailable,
            PublishError::Blocked,
            PublishError::Refused,
            PublishError::TimedOut,
            PublishError::Lost,
        ];
        [
            Self::NotFound,
            Self::Method,
            Self::HeadTooLarge,
            Self::TooLarge,
            Self::Slow,
            Self::Broken,
            Self::ContentType,
            Self::Full,
            Self::Busy,
            Self::ShuttingDown,
        ]
        .into_iter()
        .chain(BadSignature::ALL.map(Self::Signature))
        .chain(broker.map(Self::Broker))
        .map(|rejection| rejection.code())
    }

    /// The stable code in answers, metrics and logs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Signature(bad) => bad.code(),
            Self::NotFound => "not_found",
            Self::Method => "method_not_allowed",
            Self::HeadTooLarge => "head_too_large",
            Self::TooLarge => "body_too_large",
            Self::Slow => "body_too_slow",
            Self::Broken => "body_broken",
            Self::ContentType => "unsupported_media_type",
            Self::Broker(error) => match error {
                PublishError::Unavailable => "broker_unavailable",
                PublishError::Blocked => "broker_blocked",
                PublishError::Refused => "broker_refused",
                PublishError::TimedOut => "broker_timed_out",
                PublishError::Lost => "broker_lost",
            },
            Self::Full => "queue_full",
            Self::Busy => "busy",
            Self::ShuttingDown => "shutting_down",
        }
    }
}

#[derive(Serialize)]
struct Body {
    error: &'static str,
}

impl ResponseError for Rejection {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Signature(_) => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken => StatusCode::BAD_REQUEST,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Broker(_) | Self::Full | Self::Busy | Self::ShuttingDown => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let mut response = HttpResponseBuilder::new(status);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS));
        }
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response.insert_header((ALLOW, "POST"));
        }
        // The listener closes the connection after any rejection of what is not known to be HubSpot's.
        if matches!(self, Self::ShuttingDown) {
            response.force_close();
        }
        response.json(Body { error: self.code() })
    }
}
