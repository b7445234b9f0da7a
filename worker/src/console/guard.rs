//! The one door: who is let in to which page, before any page is asked.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, HeaderValue, LOCATION, SET_COOKIE};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse, ResponseError as _};
use askama::Template;
use shared::clock::now_ms;

use super::access::door::{self, Way};
use super::access::{Access, Person, cookie};
use super::app::App;
use super::fault::Fault;
use super::fault_page::Then;
use super::frame::{Frame, Tab};
use super::offer::Offer;
use super::own_path::own_path;
use super::query::Writer;
use super::told::{self, Told};
use super::visit::{page, see};

pub(super) mod site;

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
    let person = match judge(&app, &request).await {
        Admission::Anybody => None,
        Admission::Known(person) => Some(person),
        Admission::Refused(fault, person) => {
            let then = then(request.request(), person.is_some());
            let page = fault.page(Frame::new(fault.to_string(), Tab::None, person), then);
            return Ok(request.into_response(page));
        }
        Admission::SignIn => {
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
            let next = own_path(path);
            let login = format!("{SIGN_IN}?{}", Writer::default().add("next", &next).finish());
            let answer =
                if is_perhaps_from_elsewhere(&request) { bounce(&login) } else { see(&login) };
            return Ok(request.into_response(answer));
        }
    };
    if let Some(person) = &person {
        request.extensions_mut().insert(person.clone());
    }
    let is_told = told::is_true(request.request());
    if is_told {
        request.extensions_mut().insert(Told);
    }
    let mut response = next.call(request).await?.map_into_boxed_body();
    // What was told is not told again.
    if is_told {
        add_cookie(&mut response, &told::forget());
    }
    if let Some(path) = told_by(&response) {
        add_cookie(&mut response, &told::keep(&path));
    }
    // What went wrong is told with the way to the other pages around it.
    let fault = response.response().error().and_then(|error| error.as_error::<Fault>());
    let told = match (fault, person) {
        (Some(fault), Some(person)) => {
            let then = then(response.request(), true);
            fault.page(Frame::new(fault.to_string(), Tab::None, Some(person)), then)
        }
        _ => return Ok(response),
    };
    Ok(response.into_response(told))
}

/// Lets those alone ask a page who see everything: to others it is not there, whatever it is asked for.
pub(super) async fn admit_to_all(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let sees_all = request.extensions().get::<Person>().is_some_and(Person::sees_all);
    if sees_all {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    Ok(request.error_response(Fault::nothing()))
}

/// Where an answer leads that tells what was done.
fn told_by(response: &ServiceResponse<BoxBody>) -> Option<String> {
    let path = response.headers().get(LOCATION)?.to_str().ok()?;
    // Signing in leads wherever an address said.
    let is_deed = response.request().method() == Method::POST
        && !matches!(response.request().path(), SIGN_IN | SIGN_OUT);
    (is_deed && told::tells(path)).then(|| path.to_owned())
}

fn add_cookie(response: &mut ServiceResponse<BoxBody>, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}

/// What comes after a fault that passes. What was posted is never asked for again by itself: that
/// would be another question, about everything there is.
fn then(request: &HttpRequest, is_known: bool) -> Then {
    match *request.method() {
        Method::GET | Method::HEAD => Then::Again,
        _ if is_known && !matches!(request.path(), SIGN_IN | SIGN_OUT) => {
            Then::Offer(Box::new(Offer::of(request, now_ms())))
        }
        _ => Then::Nothing,
    }
}

/// A page that leads on to where to sign in, and from there to what was asked for if somebody is
/// signed in. Browsers send the session's cookie only where they come from the console, and not with
/// a link in somebody's chat.
#[derive(Template)]
#[template(path = "bounce.html")]
struct BouncePage<'a> {
    frame: Frame,
    path: &'a str,
}

fn bounce(path: &str) -> HttpResponse {
    let frame = Frame::new("Hubline", Tab::None, None);
    page(&BouncePage { frame, path }).unwrap_or_else(|fault| fault.error_response())
}

/// Whether somebody followed a link of another site's, or may have done so: over plain HTTP browsers
/// do not say where they come from, but they do say that it is a page that they want.
fn is_perhaps_from_elsewhere(request: &ServiceRequest) -> bool {
    let is = |name: &str, expected: &str| {
        request.headers().get(name).is_some_and(|value| value == expected)
    };
    match request.headers().get("sec-fetch-site") {
        Some(site) => site == "cross-site" && is("sec-fetch-mode", "navigate"),
        None => is("upgrade-insecure-requests", "1"),
    }
}

enum Admission {
    /// A page for everybody.
    Anybody,
    Known(Person),
    SignIn,
    Refused(Fault, Option<Person>),
}

async fn judge(app: &App, request: &ServiceRequest) -> Admission {
    let refused = |fault| Admission::Refused(fault, None);
    if matches!(app.access, Access::Open)
        && let Err(why) = site::is_local(request.headers(), request.uri())
    {
        return refused(Fault::Misdirected(why.to_owned()));
    }
    let (path, method) = (request.path(), request.method());
    let is_safe = matches!(*method, Method::GET | Method::HEAD);
    if !is_safe && let Err(why) = site::is_own(request.headers(), request.uri(), app.url.as_ref()) {
        return refused(Fault::Forbidden(why.to_owned()));
    }
    if path.starts_with(STATIC) {
        return Admission::Anybody;
    }
    let person = match identify(app, request).await {
        Ok(person) => person,
        Err(fault) => return refused(fault),
    };
    match person {
        Some(person) if !is_safe && !person.may_act() && path != SIGN_OUT && path != SIGN_IN => {
            let why = "You are signed in as a viewer, who may look at everything and change \
                       nothing. Sign in with the operators' token to act.";
            Admission::Refused(Fault::Forbidden(why.to_owned()), Some(person))
        }
        Some(person) => Admission::Known(person),
        None if path == SIGN_IN => Admission::Anybody,
        None if is_safe => Admission::SignIn,
        None => refused(Fault::SignIn),
    }
}

/// Who it is, if anybody known. A token that is wrong is an error, since programs would take the
/// page to sign in on for an answer.
async fn identify(app: &App, request: &ServiceRequest) -> Result<Option<Person>, Fault> {
    let access = &app.access;
    if matches!(access, Access::Open) {
        return Ok(Some(Person::anybody()));
    }
    let header = request.headers().get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    // Any other scheme is between the browser and a proxy.
    if let Some((scheme, token)) =
        header.map(|header| header.split_once(' ').unwrap_or((header, "")))
        && scheme.eq_ignore_ascii_case("bearer")
    {
        let pass = door::pass_of(app, request.request(), Way::Header, token).await?;
        let pass = pass.ok_or(Fault::SignIn)?;
        return Ok(Some(Person::nameless(pass.role, pass.reach)));
    }
    let is_tls = site::is_tls(request.headers(), request.uri(), app.url.as_ref());
    let session = app.sessions.find(access, cookie::sessions(request.headers(), is_tls)).await?;
    Ok(session.map(|session| session.person))
}
