//! The admin listener: `/livez`, `/readyz` and `/metrics`, never on a public address.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, HttpResponse};
use anyhow::Context;
use prometheus_client::registry::Registry;

use crate::listener::{self, Limits};

pub use crate::readiness::Readiness;

/// A few probes, a Prometheus or two, an operator.
const LIMITS: Limits = Limits {
    connections: 32,
    threads: 1,
    head: Duration::from_secs(5),
    request: Duration::from_secs(10),
    idle: Duration::from_secs(75),
    close: Duration::from_secs(1),
};

/// What the admin listener shows.
#[derive(Clone)]
pub struct Admin {
    /// Everything that is measured.
    pub registry: Arc<Registry>,
    /// Asked on every `/readyz`; must not block.
    pub readiness: Arc<dyn Fn() -> Readiness + Send + Sync>,
    /// Asked on every `/livez`: false once only a new process can help.
    pub is_alive: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// Takes the address for [`serve`]: first of all, so that a program finds out that it is in use
/// before it has begun to work.
pub fn bind(listen: SocketAddr) -> anyhow::Result<TcpListener> {
    listener::bind(listen).with_context(|| format!("cannot listen on ADMIN_LISTEN {listen}"))
}

/// Serves until the handle is stopped; `extra` adds a program's own pages. Returns the bound
/// address, which tells the port when 0 was asked for.
pub fn serve<F>(
    listener: TcpListener,
    admin: Admin,
    extra: F,
) -> anyhow::Result<(ServerHandle, SocketAddr)>
where
    F: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let listening = listener::serve(listener, LIMITS, None, move || {
        App::new()
            .app_data(Data::new(admin.clone()))
            .route("/livez", web::get().to(live))
            .route("/readyz", web::get().to(ready))
            .route("/metrics", web::get().to(metrics))
            .configure(extra.clone())
    })?;
    Ok((listening.server, listening.address))
}

async fn live(admin: Data<Admin>) -> HttpResponse {
    if (admin.is_alive)() {
        HttpResponse::Ok().content_type("text/plain").body("ok\n")
    } else {
        HttpResponse::ServiceUnavailable().content_type("text/plain").body("start it again\n")
    }
}

async fn ready(admin: Data<Admin>) -> HttpResponse {
    let readiness = (admin.readiness)();
    if readiness.ready {
        HttpResponse::Ok().json(readiness)
    } else {
        HttpResponse::ServiceUnavailable().json(readiness)
    }
}

async fn metrics(admin: Data<Admin>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
        .body(crate::metrics::encode(&admin.registry))
}
