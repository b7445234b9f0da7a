//! One request as pages see it: who asks for what, and how the answer is made.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse};
use askama::Template;
use shared::clock::now_ms;

use super::access::person::Person;
use super::app::App;
use super::fault::Fault;
use super::frame::{Frame, Tab};
use super::notice::notice;
use super::query::Query;
use super::told::Told;
use super::view::View;
use crate::records::Records;

/// What a page gives.
pub(super) type Answer = Result<HttpResponse, Fault>;

/// One request.
pub(super) struct Visit {
    pub(super) app: Data<App>,
    pub(super) person: Person,
    pub(super) query: Query,
    /// Whether what the address says was done was done just now.
    is_told: bool,
    /// When it came, ms since the Unix epoch: all of a page is of one moment.
    pub(super) now_ms: i64,
}

impl FromRequest for Visit {
    type Error = Fault;
    type Future = Ready<Result<Self, Fault>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

impl Visit {
    fn of(request: &HttpRequest) -> Result<Self, Fault> {
        let app = request.app_data::<Data<App>>().cloned();
        let app = app.ok_or_else(|| Fault::Broken(anyhow::anyhow!("a page without its app")))?;
        let person = request.extensions().get::<Person>().cloned().ok_or(Fault::SignIn)?;
        let query = Query::read(request.query_string())?;
        let is_told = request.extensions().contains::<Told>();
        Ok(Self { app, person, query, is_told, now_ms: now_ms() })
    }

    /// What whoever asks sees of the records, and does to them.
    pub(super) fn view(&self) -> View {
        self.app.view(&self.person)
    }

    /// The records themselves, which those alone have who see everything.
    pub(super) fn records(&self) -> Result<Records, Fault> {
        self.view().whole().map_err(|_| Fault::nothing())
    }

    /// Asks the records, in the turn of whoever asks.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl Future<Output = anyhow::Result<T>> + Send + 'static,
    ) -> Result<T, Fault> {
        self.app.ask(&self.person, question).await
    }

    /// What surrounds this page.
    pub(super) fn frame(&self, title: impl Into<String>, tab: Tab) -> Frame {
        let mut frame = Frame::new(title, tab, Some(self.person.clone()));
        frame.notice = self.notice();
        frame
    }

    /// What was done just before, as the address tells it.
    fn notice(&self) -> Option<String> {
        if !self.is_told {
            return None;
        }
        notice(self.query.get("done")?)
    }
}

/// A page that was made.
pub(super) fn page(template: &impl Template) -> Answer {
    page_with(StatusCode::OK, template)
}

pub(super) fn page_with(status: StatusCode, template: &impl Template) -> Answer {
    let html = template.render().map_err(|error| Fault::Broken(error.into()))?;
    Ok(HttpResponse::build(status).content_type("text/html; charset=utf-8").body(html))
}

/// To another page, with GET.
pub(super) fn see(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, path)).finish()
}
