//! The pages, one file each, and where they are.

use actix_web::web::{self, ServiceConfig};

use super::fault::Fault;
use super::visit::{Answer, Visit};

mod action;
mod asset;
mod audit;
mod discarded;
mod event;
mod events;
mod export;
mod groups;
mod health;
mod jobs;
mod letter_row;
mod limits;
mod login;
mod message;
mod messages;
mod note;
mod paging;
mod payload;
mod replay;
mod tenants;

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(only(web::resource("/").route(web::get().to(groups::show))))
        .service(only(web::resource("/letters").route(web::get().to(messages::show))))
        .service(only(web::resource("/letters/export").route(web::get().to(export::show))))
        .service(only(web::resource("/letters/{id}").route(web::get().to(message::show))))
        .service(only(
            web::resource("/letters/{id}/payload").route(web::get().to(payload::of_letter)),
        ))
        .service(only(
            web::resource("/actions/{action}")
                .route(web::get().to(action::plan))
                .route(web::post().to(action::carry_out)),
        ))
        .service(only(
            web::resource("/problems/{fingerprint}/note")
                .route(web::get().to(note::show))
                .route(web::post().to(note::write)),
        ))
        .service(only(web::resource("/jobs").route(web::get().to(jobs::list))))
        .service(only(web::resource("/jobs/{id}").route(web::get().to(jobs::show))))
        .service(only(web::resource("/jobs/{id}/{deed}").route(web::post().to(jobs::turn))))
        .service(only(
            web::resource("/replay")
                .route(web::get().to(replay::plan))
                .route(web::post().to(replay::begin)),
        ))
        .service(only(web::resource("/discarded").route(web::get().to(discarded::show))))
        .service(only(web::resource("/events").route(web::get().to(events::show))))
        .service(only(web::resource("/events/{name}").route(web::get().to(event::show))))
        .service(only(
            web::resource("/events/{name}/payload").route(web::get().to(payload::of_event)),
        ))
        .service(only(web::resource("/audit").route(web::get().to(audit::show))))
        .service(only(web::resource("/tenants").route(web::get().to(tenants::list))))
        .service(only(
            web::resource("/tenants/{kind}/{name}")
                .route(web::get().to(tenants::show))
                .route(web::post().to(tenants::rehearse)),
        ))
        .service(only(
            web::resource("/tenants/{kind}/{name}/{deed}").route(web::post().to(tenants::turn)),
        ))
        .service(only(web::resource("/limits").route(web::get().to(limits::show))))
        .service(only(web::resource("/health").route(web::get().to(health::show))))
        .service(only(
            web::resource("/login")
                .route(web::get().to(login::show))
                .route(web::post().to(login::sign_in)),
        ))
        .service(only(web::resource("/logout").route(web::post().to(login::sign_out))))
        .service(only(web::resource("/static/{file}").route(web::get().to(asset::serve))));
}

/// A known address, asked in another way.
fn only(resource: actix_web::Resource) -> actix_web::Resource {
    resource.default_service(web::to(async || Err::<actix_web::HttpResponse, _>(Fault::Method)))
}

/// Any other address.
pub(super) async fn nowhere(_: Visit) -> Answer {
    Err(Fault::NotFound("There is no such page.".to_owned()))
}
