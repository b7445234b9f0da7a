//! The console: pages for people who look after dead letters and the event log, made on the
//! server, of use without JavaScript.
//!
//! Owns who may see and do what, and how things look. What is read and done is the records'.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::App as HttpApp;
use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, PayloadConfig};
use anyhow::Context as _;
use shared::admin::Readiness;
use shared::listener::{self, Knocking, Limits};

use crate::settings::ConsoleSettings;

mod access;
mod action;
mod app;
mod assets;
mod fault;
mod fault_page;
mod form;
mod frame;
mod fresh;
mod guard;
pub(crate) mod harmless_html;
mod headers;
mod health;
mod limits;
mod metrics;
mod notice;
mod offer;
mod own_path;
mod pages;
mod parts;
mod query;
mod questions;
mod rotations;
mod selection;
mod shell;
mod sources;
mod tenants;
mod timeline;
mod told;
mod view;
mod visit;

use app::App;

pub use crate::alerts::Board;
pub use metrics::ConsoleMetrics;
pub use sources::Sources;

/// People, not programs: two threads are plenty.
const LIMITS: Limits = Limits {
    connections: 96,
    threads: 2,
    head: Duration::from_secs(5),
    request: Duration::from_secs(30),
    idle: Duration::from_secs(30),
    close: Duration::from_secs(SHUTDOWN_S),
};
/// The largest form, in bytes: a page of ticks, or a note.
const MAX_FORM_BYTES: usize = 64 * 1024;
/// How long requests may take to finish at the end, in seconds.
const SHUTDOWN_S: u64 = 1;
/// How long what was begun may take to finish at the end.
const CLOSE: Duration = Duration::from_secs(5);

/// A running console; ends when it is stopped.
pub struct Console {
    app: Data<App>,
    server: ServerHandle,
    address: SocketAddr,
    knocking: Knocking,
}

/// Takes the address for [`Console::serve`]: first of all, so that a program finds out that it is
/// in use before it has begun to work.
pub fn bind(settings: &ConsoleSettings) -> anyhow::Result<TcpListener> {
    settings.check()?;
    let listen = settings.console_listen;
    listener::bind(listen).with_context(|| format!("cannot listen on CONSOLE_LISTEN {listen}"))
}

impl Console {
    /// The longest that [`Self::stop`] takes.
    pub const STOP: Duration = Duration::from_secs(SHUTDOWN_S).saturating_add(CLOSE);

    /// Starts on the address that the settings name. Connects to nothing yet.
    pub fn start(settings: &ConsoleSettings, sources: Sources) -> anyhow::Result<Self> {
        Self::serve(bind(settings)?, settings, sources)
    }

    /// Starts on an address that was taken before. Must be called on a multi-thread runtime, which
    /// then does all that is asked of the records.
    pub fn serve(
        listener: TcpListener,
        settings: &ConsoleSettings,
        sources: Sources,
    ) -> anyhow::Result<Self> {
        let app = Data::new(App::new(settings, sources)?);
        let shared = app.clone();
        let listening = listener::serve(listener, LIMITS, None, move || {
            HttpApp::new()
                .app_data(shared.clone())
                .app_data(PayloadConfig::new(MAX_FORM_BYTES))
                .wrap(from_fn(guard::admit))
                .wrap(from_fn(headers::add))
                .configure(pages::routes)
                .default_service(web::to(pages::nowhere))
        })?;
        let knocking = listening.knock();
        Ok(Self { app, server: listening.server, address: listening.address, knocking })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests and ends. What was begun gets some seconds to finish; every part of
    /// it that is done stays done.
    pub async fn stop(self) {
        drop(self.knocking);
        self.server.stop(true).await;
        self.app.finish(CLOSE).await;
    }

    /// Whether the records can be shown to whoever comes, for an admin listener.
    pub fn readiness(&self) -> Arc<dyn Fn() -> Readiness + Send + Sync> {
        let (records, accepting) = (self.app.readiness(), self.knocking.accepting());
        Arc::new(move || records().and(accepting.readiness("console")))
    }
}
