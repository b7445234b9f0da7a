//! `/login` and `/logout`: a token for a session, and the end of it.

use actix_web::http::StatusCode;
use actix_web::http::header::{ORIGIN, SET_COOKIE};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use shared::clock::now_ms;

use super::super::access::{Access, session};
use super::super::app::App;
use super::super::fault::Fault;
use super::super::form::Form;
use super::super::frame::{Frame, Tab};
use super::super::own_path::own_path;
use super::super::query::Query;
use super::super::visit::{Answer, page_with, see};
use crate::harmless::steers;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    frame: Frame,
    /// Where whoever comes wanted to go.
    next: String,
    name: String,
    is_refused: bool,
    max_name: usize,
}

pub(in crate::console) async fn show(app: Data<App>, request: HttpRequest) -> Answer {
    if matches!(app.access, Access::Open) {
        return Ok(see("/"));
    }
    let query = Query::read(request.query_string())?;
    render(StatusCode::OK, next_of(&query), String::new(), false)
}

pub(in crate::console) async fn sign_in(
    app: Data<App>,
    request: HttpRequest,
    Form(form): Form,
) -> Answer {
    let (next, name) = (next_of(&form), name_of(form.field("name")));
    let Some(role) = form.get("token").and_then(|token| app.access.role_of(token)) else {
        let peer = request.peer_addr().map(|peer| peer.to_string());
        tracing::warn!(peer, "sign-in to the console refused");
        return render(StatusCode::FORBIDDEN, next, name, true);
    };
    let session = session::seal(&app.access, role, &name, now_ms());
    let session = session.ok_or_else(|| Fault::Broken(anyhow::anyhow!("no key for a session")))?;
    tracing::info!(role = role.as_str(), name, "sign-in to the console");
    Ok(HttpResponse::SeeOther()
        .insert_header(("location", next))
        .insert_header((SET_COOKIE, cookie(&request, &session, session::SECONDS)))
        .finish())
}

pub(in crate::console) async fn sign_out(request: HttpRequest) -> Answer {
    Ok(HttpResponse::SeeOther()
        .insert_header(("location", "/login"))
        .insert_header((SET_COOKIE, cookie(&request, "", 0)))
        .finish())
}

fn render(status: StatusCode, next: String, name: String, is_refused: bool) -> Answer {
    let frame = Frame::new("Sign in", Tab::None, None);
    let max_name = session::MAX_NAME_BYTES;
    page_with(status, &LoginPage { frame, next, name, is_refused, max_name })
}

/// Sent only to this origin, not to be read by scripts, and over TLS alone if it came over TLS.
fn cookie(request: &HttpRequest, session: &str, seconds: i64) -> String {
    let origin = request.headers().get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let is_secure = origin.is_some_and(|origin| origin.starts_with("https://"));
    let secure = if is_secure { "; Secure" } else { "" };
    let name = session::COOKIE;
    format!("{name}={session}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

fn next_of(query: &Query) -> String {
    own_path(query.field("next")).to_owned()
}

/// As the audit will call them.
fn name_of(text: &str) -> String {
    let text: String = text.trim().chars().filter(|c| !steers(*c)).collect();
    text[..text.floor_char_boundary(session::MAX_NAME_BYTES)].trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_steers_nothing_and_has_an_end() {
        assert_eq!(name_of("  Ann\u{202e} \u{1b}B "), "Ann B");
        assert_eq!(name_of(&"é".repeat(100)).len(), 60);
    }
}
