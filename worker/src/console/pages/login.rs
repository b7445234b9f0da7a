//! `/login` and `/logout`: a token for a session, and the end of it.

use actix_web::http::StatusCode;
use actix_web::http::header::SET_COOKIE;
use actix_web::web::Data;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use askama::Template;
use shared::harmless::steers;

use super::super::access::door::{self, Way};
use super::super::access::person::Person;
use super::super::access::{Access, cookie, session};
use super::super::app::App;
use super::super::form::Form;
use super::super::frame::{Frame, Tab};
use super::super::guard::site::is_tls;
use super::super::own_path::own_path;
use super::super::query::Query;
use super::super::visit::{Answer, page_with, see};
use crate::records::dead_letters::is_reserved;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    frame: Frame,
    /// Where whoever comes wanted to go.
    next: String,
    name: String,
    /// Why nobody was let in.
    refusal: Option<&'static str>,
    max_name: usize,
}

pub(in crate::console) async fn show(app: Data<App>, request: HttpRequest) -> Answer {
    if matches!(app.access, Access::Open) {
        return Ok(see("/"));
    }
    let query = Query::read(request.query_string())?;
    // Who has come here from elsewhere and is signed in goes on.
    if query.get("next").is_some() && request.extensions().contains::<Person>() {
        return Ok(see(&next_of(&query)));
    }
    render(StatusCode::OK, next_of(&query), String::new(), None)
}

pub(in crate::console) async fn sign_in(
    app: Data<App>,
    request: HttpRequest,
    Form(form): Form,
) -> Answer {
    let (next, name) = (next_of(&form), name_of(form.field("name")));
    let given = form.field("token");
    let Some(pass) = door::pass_of(&app, &request, Way::Form, given).await? else {
        let why = "That is not a token of this console.";
        return render(StatusCode::FORBIDDEN, next, name, Some(why));
    };
    if is_reserved(&name) {
        let why = "The console signs with this name itself. Give one of your own, or none.";
        return render(StatusCode::BAD_REQUEST, next, name, Some(why));
    }
    let session = app.sessions.begin(&pass, &name).await?;
    let origin = pass.reach.origin().map(tracing::field::display);
    tracing::info!(role = pass.role.as_str(), origin, name, "sign-in to the console");
    Ok(HttpResponse::SeeOther()
        .insert_header(("location", next))
        .insert_header((SET_COOKIE, kept(&app, &request, &session, session::SECONDS)))
        .finish())
}

/// Ends the browser's sessions for everybody who has them, those too that its other cookie keeps.
pub(in crate::console) async fn sign_out(app: Data<App>, request: HttpRequest) -> Answer {
    // Both names, as where there is no TLS.
    for session in cookie::sessions(request.headers(), false) {
        if let Some(session) = app.sessions.find(&app.access, std::iter::once(session)).await? {
            // Not left undone if the browser goes away.
            let _ = app.begin(app.sessions.end(session)).await;
        }
    }
    let [plain, over_tls] = cookie::forget();
    Ok(HttpResponse::SeeOther()
        .insert_header(("location", "/login"))
        .append_header((SET_COOKIE, plain))
        .append_header((SET_COOKIE, over_tls))
        .finish())
}

fn render(status: StatusCode, next: String, name: String, refusal: Option<&'static str>) -> Answer {
    let frame = Frame::new("Sign in", Tab::None, None);
    let max_name = session::MAX_NAME_BYTES;
    page_with(status, &LoginPage { frame, next, name, refusal, max_name })
}

/// The cookie that keeps `session`, over TLS alone if it came over TLS.
fn kept(app: &App, request: &HttpRequest, session: &str, seconds: i64) -> String {
    let is_tls = is_tls(request.headers(), request.uri(), app.url.as_ref());
    cookie::set(session, seconds, is_tls)
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
