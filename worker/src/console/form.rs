//! What was posted: small, in time, and as forms are written.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};

use super::fault::Fault;
use super::query::Query;

/// How long a form may take to arrive.
const DEADLINE: Duration = Duration::from_secs(10);
const FORM: &str = "application/x-www-form-urlencoded";

/// What was posted, for whoever has to offer it again.
pub(super) struct Posted(pub(super) Query);

/// A form's fields.
pub(super) struct Form(pub(super) Query);

impl FromRequest for Form {
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Fault>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let content_type = request.headers().get(CONTENT_TYPE);
        let is_form = content_type
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.split(';').next().map(str::trim) == Some(FORM));
        let body = Bytes::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            if !is_form {
                return Err(Fault::Wrong(format!("Only forms are read here: {FORM}.")));
            }
            let late = || Fault::Wrong("The form did not arrive in time.".to_owned());
            let body = tokio::time::timeout(DEADLINE, body).await.map_err(|_| late())?;
            let body = body.map_err(|_| Fault::TooLarge)?;
            let wrong = || Fault::Wrong("The form is not text.".to_owned());
            let form = Query::read(std::str::from_utf8(&body).map_err(|_| wrong())?)?;
            request.extensions_mut().insert(Posted(form.clone()));
            Ok(Self(form))
        })
    }
}
