//! The one door: who is let in to which page, before any page is asked.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, COOKIE};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage as _, HttpResponse, ResponseError as _};
use askama::Template;
use shared::clock::now_ms;

use super::access::session;
use super::access::{Access, Person};
use super::app::App;
use super::fault::Fault;
use super::frame::{Frame, Tab};
use super::own_path::own_path;
use super::query::Writer;
use super::visit::{page, see};

mod origin;

/// What anybody may ask for.
const SIGN_IN: &str = "/login";
const SIGN_OUT: &str = "/logout";
const STATIC: &str = "/static/";

/// Asks the page if whoever it is may, and says why not if not.
pub(super) async fn admit(
    app: Data<App>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let person = match judge(&app.access, &request) {
        Verdict::Anybody => None,
        Verdict::Known(person) => Some(person),
        Verdict::Refused(fault, person) => {
            let page = fault.page(Frame::new(fault.to_string(), Tab::None, person));
            return Ok(request.into_response(page));
        }
        Verdict::SignIn => {
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
            let answer = if is_followed_from_elsewhere(&request) {
                bounce(path)
            } else {
                see(&format!("{SIGN_IN}?{}", Writer::default().add("next", &path).finish()))
            };
            return Ok(request.into_response(answer));
        }
    };
    if let Some(person) = &person {
        request.extensions_mut().insert(person.clone());
    }
    let response = next.call(request).await?.map_into_boxed_body();
    // What went wrong is told with the way to the other pages around it.
    let fault = response.response().error().and_then(|error| error.as_error::<Fault>());
    let told = match (fault, person) {
        (Some(fault), Some(person)) => {
            fault.page(Frame::new(fault.to_string(), Tab::None, Some(person)))
        }
        _ => return Ok(response),
    };
    Ok(response.into_response(told))
}

/// A page that asks for itself once more. Browsers send the session's cookie only where they come
/// from the console, and not with a link in somebody's chat.
#[derive(Template)]
#[template(path = "bounce.html")]
struct BouncePage<'a> {
    frame: Frame,
    path: &'a str,
}

fn bounce(path: &str) -> HttpResponse {
    let (frame, path) = (Frame::new("Hubline", Tab::None, None), own_path(path));
    page(&BouncePage { frame, path }).unwrap_or_else(|fault| fault.error_response())
}

/// Whether somebody followed a link of another site's. Asked once more it comes from here.
fn is_followed_from_elsewhere(request: &ServiceRequest) -> bool {
    let is = |name: &str, expected: &str| {
        request.headers().get(name).is_some_and(|value| value == expected)
    };
    is("sec-fetch-site", "cross-site") && is("sec-fetch-mode", "navigate")
}

enum Verdict {
    /// A page for everybody.
    Anybody,
    Known(Person),
    SignIn,
    Refused(Fault, Option<Person>),
}

fn judge(access: &Access, request: &ServiceRequest) -> Verdict {
    let refused = |fault| Verdict::Refused(fault, None);
    if matches!(access, Access::Open)
        && let Err(why) = origin::is_local(request.headers(), request.uri())
    {
        return refused(Fault::Misdirected(why.to_owned()));
    }
    let (path, method) = (request.path(), request.method());
    let is_safe = matches!(*method, Method::GET | Method::HEAD);
    if !is_safe && let Err(why) = origin::is_own(request.headers(), request.uri()) {
        return refused(Fault::Forbidden(why.to_owned()));
    }
    if path.starts_with(STATIC) {
        return Verdict::Anybody;
    }
    let person = match identify(access, request) {
        Ok(person) => person,
        Err(fault) => return refused(fault),
    };
    match person {
        Some(person) if !is_safe && !person.may_act() && path != SIGN_OUT && path != SIGN_IN => {
            let why = "You are signed in as a viewer, who may look at everything and change \
                       nothing. Sign in with the operators' token to act.";
            Verdict::Refused(Fault::Forbidden(why.to_owned()), Some(person))
        }
        _ if path == SIGN_IN => Verdict::Anybody,
        Some(person) => Verdict::Known(person),
        None if is_safe => Verdict::SignIn,
        None => refused(Fault::SignIn),
    }
}

/// Who it is, if anybody known. A token that is wrong is an error, since programs would take the
/// page to sign in on for an answer.
fn identify(access: &Access, request: &ServiceRequest) -> Result<Option<Person>, Fault> {
    if matches!(access, Access::Open) {
        return Ok(Some(Person::anybody()));
    }
    let header = request.headers().get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    // Any other scheme is between the browser and a proxy.
    if let Some((scheme, token)) =
        header.map(|header| header.split_once(' ').unwrap_or((header, "")))
        && scheme.eq_ignore_ascii_case("bearer")
    {
        let role = access.role_of(token).ok_or(Fault::SignIn)?;
        return Ok(Some(Person::nameless(role)));
    }
    let now_ms = now_ms();
    let cookies = request.headers().get_all(COOKIE).filter_map(|cookies| cookies.to_str().ok());
    let sessions = cookies
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().strip_prefix(session::COOKIE)?.strip_prefix('='));
    let mut people = sessions.filter_map(|text| session::open(access, text, now_ms));
    Ok(people.next())
}
