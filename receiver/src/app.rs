//! What the receiver's public listener serves: one path, one method, and an answer to everything else.

use std::time::Instant;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{Error, HttpRequest, HttpResponse, ResponseError as _};

use crate::intake::{self, Intake};
use crate::rejection::Rejection;

const OTHER_PATH: &str =
    "this looks like HubSpot: is WEBHOOK_PATH the path of the app's target URL?";

/// The public listener: one path, one method.
pub(crate) fn routes(config: &mut ServiceConfig, path: &str) {
    config.service(
        web::resource(path)
            .route(web::post().to(intake::receive))
            .default_service(web::to(wrong_method)),
    );
    config.default_service(web::to(wrong_path));
}

async fn wrong_method(request: HttpRequest, intake: Data<Intake>) -> HttpResponse {
    intake.reject(&request, &Rejection::Method, None);
    Rejection::Method.error_response()
}

async fn wrong_path(request: HttpRequest, intake: Data<Intake>) -> HttpResponse {
    let sender = intake.door.verifier.sender();
    let signed = request.headers().keys().any(|name| sender.signs_in(name.as_str()));
    if request.method() == Method::POST && signed {
        intake.reject(&request, &Rejection::NotFound, Some(OTHER_PATH));
    } else {
        // Scanners would push what matters out of the list, and fill the traces.
        intake.metrics.rejected(Rejection::NotFound.code());
    }
    Rejection::NotFound.error_response()
}

/// Counts and times each request, and turns away those that come after the signal to stop.
pub(crate) async fn observe(
    intake: Data<Intake>,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    if intake.shutting_down.is_cancelled() {
        intake.reject(request.request(), &Rejection::ShuttingDown, None);
        intake.metrics.answered(503, started.elapsed());
        return Ok(request.into_response(Rejection::ShuttingDown.error_response()));
    }
    let _in_flight = (intake.requests.token(), intake.metrics.in_flight());
    let response = next.call(request).await;
    if let Ok(response) = &response {
        intake.metrics.answered(response.status().as_u16(), started.elapsed());
    }
    response
}
