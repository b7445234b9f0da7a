//! The receiver's share of the admin listener: readiness and the last rejected requests.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::{self, Data, ServiceConfig};
use shared::admin::Readiness;
use shared::broker::Link;

use crate::intake::Intake;

pub(crate) fn routes(config: &mut ServiceConfig, intake: &Data<Intake>) {
    config.app_data(intake.clone()).route("/rejections", web::get().to(rejections));
}

async fn rejections(intake: Data<Intake>) -> HttpResponse {
    HttpResponse::Ok().insert_header(("cache-control", "no-store")).json(intake.rejections.list())
}

/// Ready while deliveries can be answered 200.
pub(crate) fn readiness(intake: &Data<Intake>) -> Arc<dyn Fn() -> Readiness + Send + Sync> {
    let intake = intake.clone();
    Arc::new(move || {
        let link = intake.outlet.publisher.link();
        let stopping = intake.shutting_down.is_cancelled();
        let full = intake.outlet.is_full();
        let mut checks = std::collections::BTreeMap::from([("broker", link.to_string())]);
        if stopping {
            checks.insert("receiver", "shutting down".to_owned());
        }
        if full {
            checks.insert("queue", "over QUEUE_SOFT_LIMIT".to_owned());
        }
        Readiness { ready: link == Link::Up && !stopping && !full, checks }
    })
}
