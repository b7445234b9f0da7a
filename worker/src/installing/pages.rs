//! The paths there are.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use shared::clock::now_ms;

use super::outcome::Outcome;
use super::site::{CALLBACK, Site};
use super::state::States;
use super::{authorize, callback};

const STYLE: &str = include_str!("../../templates/static/install.css");

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/oauth/install", web::get().to(install))
        .route(CALLBACK, web::get().to(come_back))
        .route("/oauth/style.css", web::get().to(style));
}

pub(super) async fn nowhere() -> HttpResponse {
    HttpResponse::NotFound().body("There is nothing here: /oauth/install begins an install.\n")
}

/// Begins: to HubSpot, with a state that this browser has to come back with.
async fn install(site: Data<Site>) -> HttpResponse {
    let begun = States::begin(&site.app.keys, now_ms());
    let begun = begun.and_then(|begun| {
        Ok(Outcome::Begun { url: authorize::url(&site, &begun.state)?, cookie: begun.cookie })
    });
    begun.unwrap_or(Outcome::Later).answer(site.url.is_tls())
}

async fn come_back(site: Data<Site>, request: HttpRequest) -> HttpResponse {
    callback::come_back(&site, &request).await.answer(site.url.is_tls())
}

async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/css; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(STYLE)
}
