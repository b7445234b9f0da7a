//! A tenant's endpoint: an HTTP server on the loopback interface that keeps what it is sent, byte for byte,
//! and answers as a test says.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use tokio::sync::watch;

use crate::harness::within;

/// What it was sent.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) method: String,
    pub(super) uri: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl Received {
    /// A header, by its name in lower case.
    pub(super) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or_else(|| panic!("no {name} in {:?}", self.headers), |(_, value)| value)
    }
}

/// An answer: a status, a header, a body.
#[derive(Clone, Debug)]
pub(super) struct Answer(
    pub(super) u16,
    pub(super) Option<(&'static str, String)>,
    pub(super) String,
);

impl Answer {
    pub(super) fn of(status: u16) -> Self {
        Self(status, None, String::new())
    }
}

/// What is answered, by all that was sent so far.
type Judge = dyn Fn(&[Received]) -> Answer + Send + Sync;

struct State {
    received: watch::Sender<Vec<Received>>,
    judge: Box<Judge>,
    /// What is answered to bodies with a text in them.
    refused: Mutex<Option<(String, u16)>>,
    /// Whether it answers.
    is_open: watch::Sender<bool>,
}

/// The running endpoint; it stops when this is dropped.
pub(super) struct Endpoint {
    state: Arc<State>,
    pub(super) address: SocketAddr,
    server: ServerHandle,
}

impl Endpoint {
    /// Answers so, one after the other, and then 200.
    pub(super) fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers = Mutex::new(answers.into_iter().collect::<VecDeque<_>>());
        Self::judging(move |_| {
            answers.lock().unwrap().pop_front().unwrap_or_else(|| Answer::of(200))
        })
    }

    /// Answers as `judge` says, which is shown all that was sent so far.
    pub(super) fn judging(judge: impl Fn(&[Received]) -> Answer + Send + Sync + 'static) -> Self {
        let state = Arc::new(State {
            received: watch::Sender::default(),
            judge: Box::new(judge),
            refused: Mutex::default(),
            is_open: watch::Sender::new(true),
        });
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

    /// Bodies with this text in them are answered so until [`Self::mend`].
    pub(super) fn refuse(&self, text: &str, status: u16) {
        *self.state.refused.lock().unwrap() = Some((text.to_owned(), status));
    }

    pub(super) fn mend(&self) {
        *self.state.refused.lock().unwrap() = None;
    }

    /// What it is sent is answered once it is open again.
    pub(super) fn shut(&self) {
        self.state.is_open.send_replace(false);
    }

    pub(super) fn open(&self) {
        self.state.is_open.send_replace(true);
    }

    /// Its address: `http://127.0.0.1:41234/hooks?of=acme`.
    pub(super) fn url(&self) -> String {
        format!("http://{}/hooks?of=acme", self.address)
    }

    /// What it was sent so far.
    pub(super) fn received(&self) -> Vec<Received> {
        self.state.received.borrow().clone()
    }

    /// Waits until it was sent so many.
    pub(super) async fn wait(&self, count: usize) -> Vec<Received> {
        self.wait_for(&format!("{count} requests"), |received| received.len() >= count).await
    }

    /// Waits until it was sent what is asked for.
    pub(super) async fn wait_for(
        &self,
        what: &str,
        is_enough: impl FnMut(&Vec<Received>) -> bool,
    ) -> Vec<Received> {
        let mut received = self.state.received.subscribe();
        let waited = received.wait_for(is_enough);
        within(&format!("{what} at an endpoint"), waited).await.unwrap().clone()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

async fn take(state: Data<State>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let mut answer = None;
    let refused = state.refused.lock().unwrap().clone();
    let refused = refused.filter(|(text, _)| String::from_utf8_lossy(&body).contains(text));
    state.received.send_modify(|received| {
        received.push(Received {
            method: request.method().to_string(),
            uri: request.uri().to_string(),
            headers: listed(request.headers()),
            body,
        });
        answer = Some((state.judge)(received));
    });
    let Answer(status, header, text) = answer.unwrap();
    let status = refused.map_or(status, |(_, status)| status);
    let _ = state.is_open.subscribe().wait_for(|is_open| *is_open).await;
    let mut response = HttpResponse::build(StatusCode::from_u16(status).unwrap());
    if let Some(header) = header {
        response.insert_header(header);
    }
    response.body(text)
}

fn listed(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &actix_web::http::header::HeaderValue| value.to_str().unwrap().to_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}
