//! How an install ended, and the page that says so.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, SET_COOKIE};
use askama::Template;

use super::cookie;
use super::tenancy::Tenant;
use crate::records::Before;

/// How it ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Not yet: it goes on at HubSpot.
    Begun {
        url: String,
        cookie: String,
    },
    Installed(Installed),
    /// The person did not consent, or could not.
    Denied {
        is_consent: bool,
    },
    /// It was not begun by this browser, or too long ago.
    ForeignState,
    /// It would go on somewhere that is not HubSpot.
    ForeignReturn,
    Unreadable,
    /// HubSpot does not take the code.
    BadCode,
    Refused {
        code: String,
    },
    /// HubSpot does not take the app.
    Misconfigured,
    TooMany,
    Later,
}

#[derive(Debug)]
pub(super) struct Installed {
    pub(super) portal_id: u64,
    pub(super) before: Before,
    pub(super) tenant: Tenant,
    /// Scopes that the app needs and the portal has not granted.
    pub(super) lacks: Vec<String>,
    /// Where to go on at HubSpot.
    pub(super) next: Option<String>,
    pub(super) is_marketplace: bool,
}

#[derive(Template)]
#[template(path = "install.html")]
struct InstallPage {
    title: String,
    is_well: bool,
    lines: Vec<String>,
    lacks: Vec<String>,
    next: Option<String>,
    may_begin_again: bool,
}

impl InstallPage {
    fn failed(title: &str, line: &str, may_begin_again: bool) -> Self {
        let lines = vec![line.to_owned()];
        let (title, lacks) = (title.to_owned(), Vec::new());
        Self { title, is_well: false, lines, lacks, next: None, may_begin_again }
    }

    fn of(installed: Installed) -> Self {
        let Installed { portal_id, before, tenant, lacks, next, is_marketplace } = installed;
        let title = match before {
            Before::Unknown => format!("The app is installed in account {portal_id}"),
            Before::Installed => format!("The app's access to account {portal_id} is renewed"),
            Before::Uninstalled => format!("The app is installed again in account {portal_id}"),
        };
        let mut lines = vec![
            match before {
                Before::Uninstalled => "Events that were held since it was uninstalled go on.",
                Before::Unknown | Before::Installed => {
                    "It has a token of its own for this account."
                }
            }
            .to_owned(),
        ];
        lines.extend(match tenant {
            Tenant::Named(name) => Some(format!("Its events go to the tenant {name}.")),
            Tenant::Nobody => Some(
                "No tenant has this account yet: ask whoever runs this app to add it.".to_owned(),
            ),
            Tenant::Untold => None,
        });
        if is_marketplace {
            lines.push("The installation goes on in HubSpot.".to_owned());
        }
        Self { title, is_well: true, lines, lacks, next, may_begin_again: false }
    }
}

impl Outcome {
    /// The answer; a browser that was done with forgets its state.
    pub(super) fn answer(self, is_tls: bool) -> HttpResponse {
        let failed = InstallPage::failed;
        let (status, page) = match self {
            Self::Begun { url, cookie } => {
                return HttpResponse::SeeOther()
                    .insert_header((LOCATION, url))
                    .insert_header((SET_COOKIE, cookie::set(&cookie, is_tls)))
                    .finish();
            }
            Self::Installed(installed) => (StatusCode::OK, InstallPage::of(installed)),
            Self::Denied { is_consent: true } => (
                StatusCode::FORBIDDEN,
                failed("The app is not installed", "HubSpot says that nobody consented.", true),
            ),
            Self::Denied { is_consent: false } => (
                StatusCode::BAD_REQUEST,
                failed("The app is not installed", "HubSpot reports an error.", true),
            ),
            Self::ForeignState => (
                StatusCode::FORBIDDEN,
                failed(
                    "This install was not begun here",
                    "It has to begin and end in the same browser, within a quarter of an hour, and each time anew.",
                    true,
                ),
            ),
            Self::ForeignReturn => (
                StatusCode::BAD_REQUEST,
                failed(
                    "This address leads elsewhere",
                    "An install returns to HubSpot alone.",
                    false,
                ),
            ),
            Self::Unreadable => (
                StatusCode::BAD_REQUEST,
                failed(
                    "This is no answer of HubSpot's",
                    "Something is missing, or is there twice.",
                    true,
                ),
            ),
            Self::BadCode => (
                StatusCode::BAD_REQUEST,
                failed(
                    "HubSpot does not take the code",
                    "It is good once, and for a short time.",
                    true,
                ),
            ),
            Self::Refused { code } => (
                StatusCode::BAD_GATEWAY,
                failed(
                    "HubSpot gave no access",
                    &format!("It answered {code}. Whoever runs this app has to look at it."),
                    false,
                ),
            ),
            Self::Misconfigured => (
                StatusCode::BAD_GATEWAY,
                failed(
                    "HubSpot does not take this app",
                    "Its id or secret is wrong here. It is not your account's fault, and whoever runs this app is told.",
                    false,
                ),
            ),
            Self::TooMany => (
                StatusCode::TOO_MANY_REQUESTS,
                failed("Too many installs at once", "Wait a minute.", true),
            ),
            Self::Later => (
                StatusCode::SERVICE_UNAVAILABLE,
                failed("Not now", "HubSpot or the database does not answer. Wait a minute.", true),
            ),
        };
        match page.render() {
            Ok(html) => HttpResponse::build(status)
                .content_type("text/html; charset=utf-8")
                .insert_header((SET_COOKIE, cookie::forget(is_tls)))
                .body(html),
            Err(_) => HttpResponse::InternalServerError().finish(),
        }
    }
}
