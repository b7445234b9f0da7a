//! The one listener of all stand-ins: `/<api>/<path>`.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::web::{self, Bytes, Data, PayloadConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use anyhow::Context as _;
use serde_json::{Value, json};

use super::exchange::{Answer, Request};
use super::state::{Call, Records, State};
use super::{account, erp, hubspot};

pub(super) fn serve(state: Arc<State>) -> anyhow::Result<(ServerHandle, SocketAddr)> {
    let state = Data::from(state);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .app_data(PayloadConfig::new(1024 * 1024))
            .default_service(web::to(answer))
    })
    .workers(1)
    .disable_signals()
    .bind((Ipv4Addr::LOCALHOST, 0))
    .context("cannot listen on the loopback interface")?;
    let address = server.addrs().first().copied().context("the listener has no address")?;
    let server = server.run();
    let handle = server.handle();
    tokio::spawn(server);
    Ok((handle, address))
}

async fn answer(state: Data<State>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let (delay, answer) = take(&state, &request, &body);
    tokio::time::sleep(delay).await;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    for (name, value) in answer.headers {
        response.insert_header((name, value));
    }
    match answer.page {
        Some(page) => response.content_type("text/html").body(page),
        None if answer.body.is_null() => response.finish(),
        None => response.json(answer.body),
    }
}

/// Decides on the answer, does what was asked for, and remembers the call.
fn take(state: &State, request: &HttpRequest, body: &[u8]) -> (Duration, Answer) {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let path = request.path().trim_start_matches('/');
    let (api, path) = path.split_once('/').unwrap_or((path, ""));
    let body: Value = match header(CONTENT_TYPE.as_str()) {
        Some("application/x-www-form-urlencoded") => {
            let pairs = form_urlencoded::parse(body).into_owned();
            pairs.map(|(name, value)| (name, Value::from(value))).collect()
        }
        _ => serde_json::from_slice(body).unwrap_or_default(),
    };
    let asked = Request {
        method: request.method().as_str(),
        path: &path.split('/').collect::<Vec<_>>(),
        query: request.query_string(),
        token: header(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer ")),
        idempotency_key: header("Idempotency-Key"),
        body: &body,
    };
    let token = asked.token;

    let mut records = state.records();
    let let_in = match records.tokens.get(api) {
        Some(only) => token == Some(only),
        None => ["onboarding", "destinations"].contains(&api) || token.is_some(),
    };
    let let_in = token.and_then(|token| records.oauth.takes(token)).unwrap_or(let_in);
    let let_in = let_in || is_token_endpoint(api, asked.path);
    let path = format!("/{path}");
    let fault = records.faults.iter_mut().find_map(|fault| fault.meet(api, asked.method, &path));
    let (delay, scripted) = fault.unwrap_or_default();
    let answer = match scripted {
        Some(answer) => answer,
        // In its own way.
        None if !let_in && api == "slack" => {
            Answer::new(200, json!({ "ok": false, "error": "invalid_auth" }))
        }
        None if !let_in => Answer::new(401, json!({ "message": "the token is not taken" })),
        None => dispatch(&mut records, api, &asked),
    };
    let question = if asked.query.is_empty() { "" } else { "?" };
    if account::is_asked(&path) {
        records.portal_asked += 1;
        drop(records);
        state.arrivals.send_modify(|arrivals| *arrivals += 1);
        return (delay, answer);
    }
    let portal = token.and_then(|token| records.oauth.access_tokens.get(token)).copied();
    records.note(Call {
        api: api.to_owned(),
        method: asked.method.to_owned(),
        path: format!("{path}{question}{}", asked.query),
        idempotency_key: asked.idempotency_key.map(str::to_owned),
        portal,
        body,
        status: answer.status,
    });
    drop(records);
    state.arrivals.send_modify(|arrivals| *arrivals += 1);
    (delay, answer)
}

/// Whoever asks for a token has none.
fn is_token_endpoint(api: &str, path: &[&str]) -> bool {
    api == "hubspot" && path == ["oauth", "2026-09", "token"]
}

fn dispatch(records: &mut Records, api: &str, asked: &Request<'_>) -> Answer {
    match (api, asked.method, asked.path) {
        ("hubspot", "POST", path) if is_token_endpoint(api, path) => {
            records.oauth.answer(asked.body)
        }
        ("hubspot", ..) => hubspot::answer(records, asked),
        ("erp", ..) => erp::answer(records, asked),
        ("slack", "POST", ["chat.postMessage"]) => {
            let channel = &asked.body["channel"];
            Answer::new(200, json!({ "ok": true, "channel": channel, "ts": "1503435956.000247" }))
        }
        ("destinations", "POST", [_]) => Answer::new(200, Value::Null),
        ("onboarding", "POST", _) => Answer::new(202, json!({ "started": true })),
        _ => Answer::not_found(),
    }
}
