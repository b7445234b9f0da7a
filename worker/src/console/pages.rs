//! The pages, one file each, and where they are.

use actix_web::dev::HttpServiceFactory;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};

use super::fault::Fault;
use super::guard;
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
mod secrets;
mod tenants;

/// Each says for whom it is.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(own(web::resource("/").route(web::get().to(groups::show))))
        .service(own(web::resource("/letters").route(web::get().to(messages::show))))
        .service(own(web::resource("/letters/export").route(web::get().to(export::show))))
        .service(own(web::resource("/letters/{id}").route(web::get().to(message::show))))
        .service(own(
            web::resource("/letters/{id}/payload").route(web::get().to(payload::of_letter))
        ))
        .service(own(web::resource("/actions/{action}")
            .route(web::get().to(action::plan))
            .route(web::post().to(action::carry_out))))
        .service(whole(
            web::resource("/problems/{fingerprint}/note")
                .route(web::get().to(note::show))
                .route(web::post().to(note::write)),
        ))
        .service(own(web::resource("/jobs").route(web::get().to(jobs::list))))
        .service(own(web::resource("/jobs/{id}").route(web::get().to(jobs::show))))
        .service(own(web::resource("/jobs/{id}/{deed}").route(web::post().to(jobs::turn))))
        .service(own(web::resource("/replay")
            .route(web::get().to(replay::plan))
            .route(web::post().to(replay::begin))))
        .service(own(web::resource("/discarded").route(web::get().to(discarded::show))))
        .service(own(web::resource("/events").route(web::get().to(events::show))))
        .service(own(web::resource("/events/{name}").route(web::get().to(event::show))))
        .service(own(
            web::resource("/events/{name}/payload").route(web::get().to(payload::of_event))
        ))
        .service(whole(web::resource("/audit").route(web::get().to(audit::show))))
        .service(own(web::resource("/tenants").route(web::get().to(tenants::list))))
        .service(own(web::resource("/tenants/{kind}/{name}")
            .route(web::get().to(tenants::show))
            .route(web::post().to(tenants::rehearse))))
        .service(whole(
            web::resource("/tenants/{kind}/{name}/{deed}").route(web::post().to(tenants::turn)),
        ))
        .service(own(web::resource("/secrets").route(web::get().to(secrets::list))))
        .service(own(web::resource("/secrets/{destination}")
            .route(web::get().to(secrets::show))
            .route(web::post().to(secrets::rotate))))
        .service(whole(web::resource("/limits").route(web::get().to(limits::show))))
        .service(whole(web::resource("/health").route(web::get().to(health::show))))
        .service(open(
            web::resource("/login")
                .route(web::get().to(login::show))
                .route(web::post().to(login::sign_in)),
        ))
        .service(open(web::resource("/logout").route(web::post().to(login::sign_out))))
        .service(open(web::resource("/static/{file}").route(web::get().to(asset::serve))));
}

/// Where everybody sees what is within their reach, and nothing else. Of the records that goes by itself, as
/// [`Visit::view`] is the only way to them; a page that shows anything else belongs to [`whole`].
fn own(resource: actix_web::Resource) -> actix_web::Resource {
    only(resource)
}

/// Where things are shown or done that are of no origin, or of several: for those who see everything, and
/// to others it is not there.
fn whole(resource: actix_web::Resource) -> impl HttpServiceFactory + 'static {
    only(resource).wrap(from_fn(guard::admit_to_all))
}

/// Where nothing is shown of anybody's.
fn open(resource: actix_web::Resource) -> actix_web::Resource {
    only(resource)
}

/// A known address, asked in another way.
fn only(resource: actix_web::Resource) -> actix_web::Resource {
    resource.default_service(web::to(async || Err::<actix_web::HttpResponse, _>(Fault::Method)))
}

/// Any other address.
pub(super) async fn nowhere(_: Visit) -> Answer {
    Err(Fault::nothing())
}
