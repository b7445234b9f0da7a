//! `/problems/{fingerprint}/note`: what people write about a problem.

use actix_web::web;
use askama::Template;

use super::super::fault::Fault;
use super::super::form::Form;
use super::super::frame::{Frame, Tab};
use super::super::query::Writer;
use super::super::selection::or_none;
use super::super::visit::{Answer, Visit, page, see};
use super::events::is_identity;
use crate::records::dead_letters::MAX_NOTE_BYTES;

#[derive(Template)]
#[template(path = "note.html")]
struct NotePage {
    frame: Frame,
    fingerprint: String,
    code: String,
    target: String,
    sample: String,
    note: String,
    back: String,
    max_bytes: usize,
}

pub(in crate::console) async fn show(visit: Visit, fingerprint: web::Path<String>) -> Answer {
    if !visit.person.may_act() {
        return Err(Fault::Forbidden("Viewers may look at everything and change nothing.".into()));
    }
    let (letters, redaction, asked) =
        (visit.app.letters.clone(), visit.app.redaction.clone(), known(&fingerprint)?);
    let found = visit.app.ask(async move {
        let mut problem = letters.problem(&asked).await?;
        letters.redact_samples(&redaction, problem.as_mut_slice()).await?;
        Ok(problem)
    });
    let group = found.await?.ok_or_else(nothing)?;
    page(&NotePage {
        frame: visit.frame("Note", Tab::Problems),
        code: or_none(group.code.as_deref().unwrap_or_default()).to_owned(),
        target: or_none(group.target.as_deref().unwrap_or_default()).to_owned(),
        sample: group.sample.unwrap_or_default(),
        note: group.note.unwrap_or_default(),
        back: list(&group.key),
        fingerprint: group.key,
        max_bytes: MAX_NOTE_BYTES,
    })
}

/// Writes it; an empty one takes it away.
pub(in crate::console) async fn write(
    visit: Visit,
    fingerprint: web::Path<String>,
    Form(form): Form,
) -> Answer {
    // Browsers end lines in their own way.
    let note = form.field("note").replace("\r\n", "\n").trim().to_owned();
    if note.len() > MAX_NOTE_BYTES {
        return Err(Fault::Wrong(format!(
            "The note was not written: it has {} bytes, and may have {MAX_NOTE_BYTES}.",
            note.len()
        )));
    }
    let (letters, who, asked) =
        (visit.app.letters.clone(), visit.person.name.clone(), known(&fingerprint)?);
    let written = visit.app.ask(async move {
        letters.note(&asked, Some(note.as_str()).filter(|note| !note.is_empty()), &who).await
    });
    if !written.await? {
        return Err(nothing());
    }
    Ok(see(&format!("{}&done=note", list(&fingerprint))))
}

/// A fingerprint, as problems have one.
fn known(text: &str) -> Result<String, Fault> {
    if is_identity(text) { Ok(text.to_owned()) } else { Err(nothing()) }
}

fn list(fingerprint: &str) -> String {
    format!("/messages?{}", Writer::default().add("problem", &fingerprint).finish())
}

fn nothing() -> Fault {
    Fault::NotFound("There is no such problem.".to_owned())
}
