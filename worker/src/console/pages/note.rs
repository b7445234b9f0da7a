//! `/problems/{fingerprint}/note`: what people write about a problem.

use actix_web::http::StatusCode;
use actix_web::web;
use askama::Template;

use super::super::fault::Fault;
use super::super::form::Form;
use super::super::frame::{Frame, Tab};
use super::super::query::Writer;
use super::super::selection::or_none;
use super::super::visit::{Answer, Visit, page, page_with, see};
use super::events::is_hex;
use crate::records::dead_letters::{Group, MAX_NOTE_BYTES, Noted, note_version};

#[derive(Template)]
#[template(path = "note.html")]
struct NotePage {
    frame: Frame,
    fingerprint: String,
    code: String,
    target: String,
    sample: String,
    note: String,
    /// Which note was read: no other one is written over.
    read: String,
    /// Somebody else's note, if one was written meanwhile.
    theirs: Option<String>,
    back: String,
    max_bytes: usize,
}

pub(in crate::console) async fn show(visit: Visit, fingerprint: web::Path<String>) -> Answer {
    if !visit.person.may_act() {
        return Err(Fault::Forbidden("Viewers may look at everything and change nothing.".into()));
    }
    let group = problem(&visit, known(&fingerprint)?).await?;
    let note = group.note.clone().unwrap_or_default();
    page(&template(&visit, group, note, None))
}

async fn problem(visit: &Visit, asked: String) -> Result<Group, Fault> {
    let view = visit.view();
    visit.ask(async move { view.problem(&asked).await }).await?.ok_or_else(nothing)
}

/// The form with `note` in it, over what the problem has now; that is `theirs` if it was not read.
fn template(visit: &Visit, group: Group, note: String, theirs: Option<String>) -> NotePage {
    NotePage {
        frame: visit.frame("Note", Tab::Problems),
        code: or_none(group.code.as_deref().unwrap_or_default()).to_owned(),
        target: or_none(group.target.as_deref().unwrap_or_default()).to_owned(),
        sample: group.sample.unwrap_or_default(),
        note,
        theirs,
        read: note_version(group.note.as_deref()),
        back: list(&group.key),
        fingerprint: group.key,
        max_bytes: MAX_NOTE_BYTES,
    }
}

/// Writes it; an empty one takes it away.
pub(in crate::console) async fn write(
    visit: Visit,
    fingerprint: web::Path<String>,
    Form(form): Form,
) -> Answer {
    // Browsers end lines in their own way.
    let note = form.field("note").replace("\r\n", "\n").trim().to_owned();
    let read = form.field("read").to_owned();
    if note.len() > MAX_NOTE_BYTES {
        return Err(Fault::Wrong(format!(
            "The note was not written: it has {} bytes, and may have {MAX_NOTE_BYTES}.",
            note.len()
        )));
    }
    let (view, asked) = (visit.view(), known(&fingerprint)?);
    let (noting, written) = (asked.clone(), note.clone());
    // Whoever goes away meanwhile has written it all the same.
    let noted = visit.app.act(async move {
        let written = Some(written.as_str()).filter(|note| !note.is_empty());
        view.note(&noting, &read, written).await
    });
    let late = || anyhow::anyhow!("the note is still being written");
    match noted.await?.ok_or_else(|| Fault::Unavailable(late()))? {
        Noted::Written => Ok(see(&format!("{}&done=note", list(&fingerprint)))),
        Noted::Unknown => Err(nothing()),
        // Nothing is lost: what was written stands in the form, beside what is there.
        Noted::Changed(_) => {
            let group = problem(&visit, asked).await?;
            let theirs = Some(group.note.clone().unwrap_or_default());
            page_with(StatusCode::CONFLICT, &template(&visit, group, note, theirs))
        }
    }
}

/// A fingerprint, as problems have one.
fn known(text: &str) -> Result<String, Fault> {
    if is_hex(text) { Ok(text.to_owned()) } else { Err(nothing()) }
}

fn list(fingerprint: &str) -> String {
    format!("/letters?{}", Writer::default().add("problem", &fingerprint).finish())
}

fn nothing() -> Fault {
    Fault::NotFound("There is no such problem.".to_owned())
}
