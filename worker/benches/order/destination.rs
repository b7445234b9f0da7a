//! The destination: it notes when it has what of records that do not fail, and refuses what is of the others.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer};
use tokio::sync::watch;

/// A run that takes longer has lost something.
const PATIENCE: Duration = Duration::from_secs(300);

struct State {
    /// One record in so many is refused.
    failing: u64,
    published: Mutex<HashMap<u64, Instant>>,
    taken: watch::Sender<Vec<Duration>>,
}

pub(crate) struct Destination {
    state: Arc<State>,
    pub(crate) address: SocketAddr,
    server: ServerHandle,
}

impl Destination {
    pub(crate) fn start(failing: u64) -> Self {
        let (published, taken) = (Mutex::default(), watch::Sender::default());
        let state = Arc::new(State { failing, published, taken });
        let data = Data::from(Arc::clone(&state));
        let server = HttpServer::new(move || {
            App::new().app_data(data.clone()).default_service(web::to(take))
        })
        .workers(1)
        .disable_signals()
        .bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap();
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { state, address, server: handle }
    }

    /// An event with this number is on its way from now on.
    pub(crate) fn published(&self, event: u64) {
        self.state.published.lock().unwrap().insert(event, Instant::now());
    }

    /// Waits until it has so many; or gives what there is, when that takes too long.
    pub(crate) async fn wait(&self, count: usize) -> Vec<Duration> {
        let mut taken = self.state.taken.subscribe();
        let _ = tokio::time::timeout(PATIENCE, taken.wait_for(|taken| taken.len() >= count)).await;
        self.state.taken.borrow().clone()
    }
}

impl Drop for Destination {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

async fn take(state: Data<State>, body: Bytes) -> HttpResponse {
    let event: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let number = |field: &str| event[field].as_u64().unwrap();
    if number("objectId").is_multiple_of(state.failing) {
        // A fault of this record's alone: the destination is not down.
        return HttpResponse::build(StatusCode::from_u16(425).unwrap()).finish();
    }
    // The first time only.
    if let Some(at) = state.published.lock().unwrap().remove(&number("eventId")) {
        state.taken.send_modify(|taken| taken.push(at.elapsed()));
    }
    HttpResponse::Ok().finish()
}
