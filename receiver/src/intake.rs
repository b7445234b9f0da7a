//! The way of a delivery: head → body → signature → split → publish, and only then 200.
//!
//! Owns the order of the steps and what they are given. Each is a file of its own; none knows this one,
//! and each only what comes before it.

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use futures_util::future::LocalBoxFuture;
use serde::Serialize;
use shared::broker::Publisher;
use shared::clock::now_ms;
use shared::listener::Connection;
use shared::trace::Tracer;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::ReceiverMetrics;
use crate::receipt::{Progress, Receipt};
use crate::rejection::Rejection;
use crate::rejections::Rejections;

pub(crate) mod body;
pub(crate) mod head;
pub(crate) mod publish;
mod signature;
mod split;

use body::Bodies;
use head::Door;
use publish::Outlet;
use signature::Verified;

/// What every delivery is given on its way.
#[derive(Debug)]
pub(crate) struct Intake {
    pub(crate) door: Door,
    pub(crate) bodies: Bodies,
    pub(crate) outlet: Outlet,
    pub(crate) metrics: ReceiverMetrics,
    pub(crate) tracer: Tracer,
    pub(crate) rejections: Rejections,
    /// Requests being answered.
    pub(crate) requests: TaskTracker,
    pub(crate) shutting_down: CancellationToken,
}

impl Intake {
    /// Turns away a request of which no more than its head was looked at.
    pub(crate) fn reject(
        &self,
        request: &HttpRequest,
        rejection: &Rejection,
        hint: Option<&'static str>,
    ) {
        self.rejections.add(request, None, &self.door.url(request), rejection, hint);
    }
}

/// A delivery that its sender signed, as an extractor: [`receive`] cannot see any other.
pub(crate) struct Delivery {
    verified: Verified,
    /// When its head had come.
    since: Instant,
    /// Until it is answered.
    receipt: Receipt,
}

impl FromRequest for Delivery {
    type Error = Rejection;
    type Future = LocalBoxFuture<'static, Result<Self, Rejection>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload, since) = (request.clone(), payload.take(), Instant::now());
        Box::pin(async move {
            let Some(intake) = request.app_data::<Data<Intake>>() else {
                return Err(Rejection::NotFound);
            };
            take_in(&request, payload, since, intake).await
        })
    }
}

/// Head, body, signature: what fails at the first is not read, and at the second not digested.
async fn take_in(
    request: &HttpRequest,
    payload: Payload,
    since: Instant,
    intake: &Intake,
) -> Result<Delivery, Rejection> {
    let door = &intake.door;
    let head = match door.judge(request) {
        Ok(head) => head,
        Err((rejection, hint)) => {
            intake.reject(request, &rejection, hint);
            return Err(rejection);
        }
    };
    let receipt = Receipt::begin(&intake.tracer, request);
    let body = match intake.bodies.read(payload, head.announced).await {
        Ok(body) => body,
        Err(rejection) => {
            intake.rejections.add(request, Some(receipt), &head.url, &rejection, None);
            return Err(rejection);
        }
    };
    match Verified::check(&door.verifier, request, &head, body).await {
        Ok((verified, version)) => {
            intake.metrics.verified(version);
            // Nobody would hear of what is published now.
            if Connection::of(request).is_some_and(|connection| !connection.trust()) {
                receipt.discard();
                return Err(Rejection::Busy);
            }
            Ok(Delivery { verified, since, receipt })
        }
        Err(bad) => {
            let rejection = Rejection::Signature(bad);
            let hint = signature::hint(door, request, &head.url);
            intake.rejections.add(request, Some(receipt), &head.url, &rejection, hint);
            Err(rejection)
        }
    }
}

#[derive(Serialize)]
struct Received {
    received: usize,
}

/// Split, publish: answers 200 when the broker has confirmed every event of the delivery.
pub(crate) async fn receive(
    delivery: Delivery,
    intake: Data<Intake>,
    publisher: Data<Publisher>,
) -> Result<HttpResponse, Rejection> {
    let Delivery { ref verified, since, ref receipt } = delivery;
    let mut progress = Progress::of(verified.body().len());
    if intake.outlet.is_full() {
        return Err(not_taken(&intake, receipt, Rejection::Full, &progress));
    }
    let sender = intake.door.verifier.sender();
    let batch = split::split(sender, verified, now_ms(), &receipt.traceparent());
    progress.read(&batch);
    receipt.read(&progress);
    let deadline = intake.outlet.deadline(progress.started, since);
    let publishing = publish::publish(&publisher, batch, deadline);
    if let Err(rejection) = receipt.around(publishing).await {
        return Err(not_taken(&intake, receipt, rejection, &progress));
    }
    intake.metrics.received(progress.events, progress.unreadable);
    receipt.received(&progress);
    Ok(HttpResponse::Ok().json(Received { received: progress.events }))
}

/// What was signed and has no room anywhere is no news for the list of rejections: HubSpot sends it again.
fn not_taken(
    intake: &Intake,
    receipt: &Receipt,
    rejection: Rejection,
    progress: &Progress,
) -> Rejection {
    intake.metrics.rejected(rejection.code());
    receipt.not_taken(&rejection, progress);
    rejection
}
