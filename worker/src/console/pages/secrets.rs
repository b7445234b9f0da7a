//! `/secrets`: the secrets that were made for destinations, as they stand. `/secrets/{destination}`: one of them;
//! with POST it gives way to another, which the answer shows, this once.

use std::time::Duration;

use actix_web::web;
use askama::Template;
use secrecy::ExposeSecret as _;

use super::super::fault::Fault;
use super::super::form::Form;
use super::super::frame::{Frame, Tab};
use super::super::parts::{Moment, Part};
use super::super::rotations;
use super::super::visit::{Answer, Visit, page};
use crate::rotation::{OVERLAP, Stand};

/// So many are shown.
const MOST: usize = 500;

/// The former secret signs as well, or it does not.
const BOTH: &str = "both";
const AT_ONCE: &str = "at-once";

/// A secret as it stands.
struct Row {
    destination: String,
    tenant: String,
    form: &'static str,
    made: Option<Part<Moment>>,
    by: String,
    /// Until when the one before it signs too.
    former: Option<Part<Moment>>,
    /// Whether the one before can sign for a while, when it gives way now.
    can_overlap: bool,
}

#[derive(Template)]
#[template(path = "secrets.html")]
struct SecretsPage {
    frame: Frame,
    rows: Vec<Row>,
    left_off: usize,
}

#[derive(Template)]
#[template(path = "secret.html")]
struct SecretPage {
    frame: Frame,
    row: Row,
    has_key: bool,
    /// What was made just now.
    secret: Option<String>,
}

pub(in crate::console) async fn list(visit: Visit) -> Answer {
    let stands = stands(&visit).await?;
    let left_off = stands.len().saturating_sub(MOST);
    let rows = stands.into_iter().take(MOST).map(|stand| row(&visit, stand)).collect();
    page(&SecretsPage { frame: visit.frame("Secrets", Tab::Secrets), rows, left_off })
}

pub(in crate::console) async fn show(visit: Visit, destination: web::Path<String>) -> Answer {
    let mut stands = stands(&visit).await?.into_iter();
    let stand = stands.find(|stand| stand.owner.destination == *destination);
    one(&visit, stand.ok_or_else(Fault::nothing)?, None)
}

/// Makes another one. Who asks for the page again has it done again, as browsers say.
pub(in crate::console) async fn rotate(
    visit: Visit,
    destination: web::Path<String>,
    Form(form): Form,
) -> Answer {
    let overlap = match form.field("former") {
        BOTH => OVERLAP,
        AT_ONCE => Duration::ZERO,
        _ => {
            return Err(Fault::Wrong(
                "Nothing was changed: say what becomes of the former secret.".to_owned(),
            ));
        }
    };
    if visit.app.tenants.is_from_file() {
        return Err(Fault::nothing());
    }
    if let Some(origin) = visit.person.reach.origin()
        && !visit.app.rotations.may(origin)
    {
        return Err(Fault::Wrong(format!(
            "Nothing was changed: {} secrets were made within a minute. Wait for a moment.",
            rotations::MOST
        )));
    }
    let (view, keys, named) = (visit.view(), visit.app.keys.clone(), destination.clone());
    // Whoever goes away meanwhile has done it all the same.
    let rotating = async move { view.rotate(&named, keys, overlap).await };
    let rotating = visit.app.act_in_turn(&visit.person, rotating);
    let handed = rotating.await?.ok_or_else(|| {
        Fault::Unavailable(anyhow::anyhow!("a rotation takes long: it may be done all the same"))
    })?;
    // Asked for again it might not be there, and the secret is shown this once.
    let stand = Stand {
        owner: handed.owner,
        made: Some((visit.now_ms, visit.person.signature())),
        former_until_ms: handed.former_until_ms,
    };
    one(&visit, stand, Some(handed.secret.expose_secret().to_owned()))
}

fn one(visit: &Visit, stand: Stand, secret: Option<String>) -> Answer {
    let frame = visit.frame(format!("Secret of {}", stand.owner.destination), Tab::Secrets);
    let (row, has_key) = (row(visit, stand), visit.app.keys.is_some());
    page(&SecretPage { frame, row, has_key, secret })
}

/// What comes from a file has none.
async fn stands(visit: &Visit) -> Result<Vec<Stand>, Fault> {
    if visit.app.tenants.is_from_file() {
        return Ok(Vec::new());
    }
    let view = visit.view();
    visit.ask(async move { view.secrets().await }).await
}

fn row(visit: &Visit, stand: Stand) -> Row {
    let moment = |ms| Moment::new(ms, visit.now_ms);
    let (made_ms, by) = stand.made.unzip();
    Row {
        destination: stand.owner.destination,
        tenant: stand.owner.tenant.unwrap_or_else(|| "all".to_owned()),
        form: stand.owner.form.as_str(),
        made: made_ms.map(moment),
        by: by.unwrap_or_default(),
        former: stand.former_until_ms.map(moment),
        can_overlap: stand.owner.form.overlaps() && stand.former_until_ms.is_none(),
    }
}
