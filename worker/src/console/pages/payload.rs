//! `/letters/{id}/payload` and `/events/{name}/payload`: an event's bytes as they came, but for
//! what is not shown to people, to be kept in a file. Never shown by the browser, which would take
//! them for what they say they are.

use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::{HttpResponse, web};

use super::super::fault::Fault;
use super::super::visit::{Answer, Visit};
use super::event::name_of;
use super::messages::number_of;

pub(in crate::console) async fn of_letter(visit: Visit, id: web::Path<String>) -> Answer {
    let id = number_of(&id)?;
    let view = visit.view();
    let body = visit.ask(async move { view.hand_out(id).await }).await?;
    file(&visit, body.as_deref(), &format!("letter-{id}"))
}

pub(in crate::console) async fn of_event(visit: Visit, name: web::Path<String>) -> Answer {
    let name = name_of(&visit, &name)?;
    let (view, asked) = (visit.view(), name.clone());
    let body = visit.ask(async move { view.hand_out_event(&asked).await }).await?;
    file(&visit, body.as_deref(), &format!("event-{name}"))
}

fn file(visit: &Visit, body: Option<&[u8]>, name: &str) -> Answer {
    let body = body.ok_or_else(|| {
        Fault::NotFound("There is no such event, or its bytes are gone.".to_owned())
    })?;
    let redacted = visit.app.redaction.of(body);
    let shown = redacted.bytes().ok_or_else(|| {
        Fault::Forbidden("It cannot be read, and names one of REDACT_PROPERTIES.".to_owned())
    })?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/octet-stream"))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.bin\"")))
        .body(shown.to_vec()))
}
