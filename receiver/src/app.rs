//! What the receiver's public listener serves, and what its handlers share.

use std::time::{Duration, Instant};

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{Error, HttpRequest, HttpResponse, ResponseError as _};
use shared::broker::Publisher;
use shared::signature::Verifier;
use shared::trace::Tracer;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::body::Bodies;
use crate::error::Refusal;
use crate::head::public_url;
use crate::metrics::ReceiverMetrics;
use crate::public_url::PublicUrl;
use crate::refusals::{Refusals, refused};
use crate::rejections::Rejections;
use crate::webhook::receive;

/// What every request needs.
#[derive(Debug)]
pub(crate) struct Intake {
    pub(crate) verifier: Verifier,
    pub(crate) publisher: Publisher,
    pub(crate) public_url: PublicUrl,
    pub(crate) max_body_bytes: usize,
    pub(crate) bodies: Bodies,
    pub(crate) publish_timeout: Duration,
    pub(crate) queue_soft_limit: u64,
    pub(crate) metrics: ReceiverMetrics,
    pub(crate) tracer: Tracer,
    pub(crate) refusals: Refusals,
    pub(crate) rejections: Rejections,
    /// Requests being answered.
    pub(crate) requests: TaskTracker,
    pub(crate) shutting_down: CancellationToken,
}

impl Intake {
    /// Whether more events wait than the operator wants.
    pub(crate) fn is_full(&self) -> bool {
        let limit = self.queue_soft_limit;
        limit > 0 && self.publisher.depth().is_some_and(|depth| depth > limit)
    }
}

/// The public listener: one path, one method.
pub(crate) fn routes(config: &mut ServiceConfig, path: &str) {
    config.service(
        web::resource(path).route(web::post().to(receive)).default_service(web::to(wrong_method)),
    );
    config.default_service(web::to(wrong_path));
}

async fn wrong_method(request: HttpRequest, intake: Data<Intake>) -> HttpResponse {
    let url = public_url(&request, &intake);
    refused(&intake, &request, None, &url, &Refusal::Method, None);
    Refusal::Method.error_response()
}

async fn wrong_path(request: HttpRequest, intake: Data<Intake>) -> HttpResponse {
    let signed =
        request.headers().keys().any(|name| name.as_str().starts_with("x-hubspot-signature"));
    if request.method() == Method::POST && signed {
        let hint = "this looks like HubSpot: is WEBHOOK_PATH the path of the app's target URL?";
        let url = public_url(&request, &intake);
        refused(&intake, &request, None, &url, &Refusal::NotFound, Some(hint));
    } else {
        // Scanners would push what matters out of the list, and fill the traces.
        intake.metrics.refused(Refusal::NotFound.code());
    }
    Refusal::NotFound.error_response()
}

/// Counts and times each request, and turns away those that come after the signal to stop.
pub(crate) async fn observe(
    intake: Data<Intake>,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    if intake.shutting_down.is_cancelled() {
        let url = public_url(request.request(), &intake);
        refused(&intake, request.request(), None, &url, &Refusal::ShuttingDown, None);
        intake.metrics.answered(503, started.elapsed());
        return Ok(request.into_response(Refusal::ShuttingDown.error_response()));
    }
    let _in_flight = (intake.requests.token(), intake.metrics.in_flight());
    let response = next.call(request).await;
    if let Ok(response) = &response {
        intake.metrics.answered(response.status().as_u16(), started.elapsed());
    }
    response
}
