//! One tenant, destination or route: what its section says, how it fares, and what last went wrong.

use actix_web::web;
use askama::Template;
use bytes::Bytes;
use serde_json::Value;
use shared::event::Event;
use shared::origin::Sender;

use super::super::super::access::Reach;
use super::super::super::fault::Fault;
use super::super::super::form::Form;
use super::super::super::frame::{Frame, Tab};
use super::super::super::parts::{Moment, Part};
use super::super::super::tenants::Seen;
use super::super::super::visit::{Answer, Visit, page};
use super::attempts::{self, Attempt};
use super::fare::{Fare, Fares};
use super::{Word, missing};
use crate::directory::section_text;
use crate::records::SectionState;
use crate::rehearsal::Rehearsal;
use crate::target::route_name;
use crate::tenants::{Destination, SectionKind, SectionText, text_of};

/// An event that was tried on a route.
#[derive(Default)]
struct Tried {
    event: String,
    record: String,
    mistake: Option<String>,
    why: Vec<String>,
    verdict: &'static str,
    body: Option<String>,
}

/// Who said something of it last.
struct Said {
    what: &'static str,
    at: Part<Moment>,
    by: String,
}

#[derive(Template)]
#[template(path = "tenant.html")]
struct SectionPage {
    frame: Frame,
    kind: SectionKind,
    name: String,
    state: Word,
    /// What can be done: its word and title.
    deeds: &'static [(&'static str, &'static str)],
    fare: Fare,
    said: Vec<Said>,
    /// Its keys, if it stands in the records.
    text: Option<String>,
    /// Destinations whose secrets were made here: this one, or the tenant's own.
    secrets: Vec<String>,
    /// Links to others: what each is, its kind and name.
    others: Vec<(&'static str, SectionKind, String)>,
    attempts: Vec<Attempt>,
    /// Where the log has the route's events.
    events: Option<String>,
    /// What was tried, on a route.
    tried: Option<Tried>,
    command: String,
}

pub(in crate::console) async fn show(visit: Visit, path: web::Path<(String, String)>) -> Answer {
    let (kind, name) = named(&path)?;
    let seen = visit.ask(visit.app.tenants.look(&visit.person.reach)).await?;
    let tried = (kind == SectionKind::Route).then(Tried::default);
    page(&section(&visit, &seen, kind, name, tried).await?)
}

/// Tries an event on a route: nothing is sent.
pub(in crate::console) async fn rehearse(
    visit: Visit,
    path: web::Path<(String, String)>,
    Form(form): Form,
) -> Answer {
    let (kind, name) = named(&path)?;
    let reach = &visit.person.reach;
    let seen = visit.ask(visit.app.tenants.look(reach)).await?;
    let is_there = kind == SectionKind::Route && seen.tenants.routes.contains_key(&name);
    if !is_there {
        return Err(missing(&name));
    }
    let (event, record) = (form.field("event").to_owned(), form.field("record").to_owned());
    let mut tried = Tried { event, record, ..Tried::default() };
    match given(&tried) {
        Err(mistake) => tried.mistake = Some(mistake),
        Ok((event, record)) => {
            // A destination of all says what goes out to it. Of others' events nothing is said, not even whose they are.
            let of = if reach.covers(&event.origin) { &Reach::All } else { reach };
            let (looking, route) = (visit.app.tenants.look(of), name.clone());
            // In the turn of whoever asks: filter and template take their time.
            let trying = async move {
                let all = looking.await?.tenants;
                let Some(route) = all.routes.get(&route) else { return Ok(None) };
                Ok(Some(Rehearsal::of(&all, route, &event, record.as_ref()).await))
            };
            let rehearsed = visit.ask(trying).await?;
            let Rehearsal { why, body } = rehearsed.ok_or_else(|| missing(&name))?;
            tried.why = why;
            tried.verdict = if body.is_some() { "goes out" } else { "does not go this way" };
            tried.body = body.map(|body| String::from_utf8_lossy(&body.bytes).into_owned());
        }
    }
    page(&section(&visit, &seen, kind, name, Some(tried)).await?)
}

/// What was given to be tried: one event, and its record's properties if any.
fn given(tried: &Tried) -> Result<(Event, Option<Value>), String> {
    let bytes = Bytes::from(tried.event.trim().to_owned());
    let body = if bytes.starts_with(b"[") {
        let bodies = Sender::HubSpot.split(&bytes).map_err(|error| error.to_string())?;
        bodies.into_iter().next().ok_or("the batch is empty")?
    } else {
        bytes
    };
    let event = Sender::HubSpot.identify(&body).map_err(|error| format!("no event: {error}"))?;
    let record = Some(tried.record.trim()).filter(|text| !text.is_empty());
    let record: Option<Value> = record
        .map(serde_json::from_str)
        .transpose()
        .map_err(|error| format!("the record is no JSON: {error}"))?;
    Ok((event, record))
}

fn named(path: &(String, String)) -> Result<(SectionKind, String), Fault> {
    let (kind, name) = path;
    Ok((kind.parse().map_err(|_| missing(name))?, name.clone()))
}

async fn section(
    visit: &Visit,
    seen: &Seen,
    kind: SectionKind,
    name: String,
    tried: Option<Tried>,
) -> Result<SectionPage, Fault> {
    let tenants = &seen.tenants;
    let state = match kind {
        SectionKind::Tenant => tenants.tenants.get(&name).map(|tenant| tenant.state),
        SectionKind::Destination => tenants.destinations.get(&name).map(|one| one.state),
        SectionKind::Route => tenants.routes.get(&name).map(|route| route.state),
    };
    let state = state.ok_or_else(|| missing(&name))?;
    let stored = seen.sections.as_ref().and_then(|sections| {
        sections.there().find(|section| section.kind == kind && section.name == name)
    });
    let deeds = stored.map_or(&[][..], |section| match section.state {
        SectionState::Active => &[("pause", "Pause")],
        // Whoever leaves it so says that it is known, and nobody is alerted any more.
        _ if section.has_refused() => &[("resume", "Resume"), ("pause", "Leave it paused")],
        _ => &[("resume", "Resume")],
    });
    let (moment, view) = (|ms| Moment::new(ms, visit.now_ms), visit.view());
    let said = stored.into_iter().flat_map(|section| {
        let written = Said {
            what: "Written",
            at: moment(section.changed_ms),
            by: view.told(section.changed_by.clone()),
        };
        let turned = Said {
            what: section.state.as_str(),
            at: moment(section.state_ms),
            by: view.told(section.state_by.clone()) + section.why(),
        };
        let is_active = section.state == SectionState::Active;
        std::iter::once(written).chain((!is_active).then_some(turned))
    });
    let target = tenants.routes.get(&name).filter(|_| kind == SectionKind::Route);
    let target = target.map(|route| route_name(route.tenant.as_deref(), &route.name));
    let attempts = attempts::failed(visit, tenants, kind, &name).await?;
    let events = target.map(|target| {
        format!(
            "/events?{}",
            super::super::super::query::Writer::default().add("handler", &target).finish()
        )
    });
    Ok(SectionPage {
        frame: visit.frame(format!("{kind} {name}"), Tab::Tenants),
        fare: Fares::look(visit).await?.of(kind, &name),
        said: said.collect(),
        text: stored.map(|section| text_of([&masked(section_text(section))])),
        secrets: secrets(seen, kind, &name),
        others: others(seen, kind, &name),
        command: format!("worker tenants show {kind}/{name}"),
        state: state.into(),
        kind,
        name,
        deeds,
        attempts,
        events,
        tried,
    })
}

/// Without what people write where it is plain although it is a secret: an address behind its host, and the text
/// of headers.
fn masked(mut section: SectionText) -> SectionText {
    if let Some(url) = section.body.get_mut("url") {
        let parsed = url.as_str().and_then(|url| url.parse::<reqwest::Url>().ok());
        let origin = parsed.map(|url| url.origin().ascii_serialization()).unwrap_or_default();
        *url = format!("{origin}/…").into();
    }
    let headers = section.body.get_mut("headers").and_then(Value::as_object_mut);
    for (_, value) in headers.into_iter().flatten().filter(|(_, value)| value.is_string()) {
        *value = "…".into();
    }
    section
}

/// The destinations whose secrets can be rotated from here.
fn secrets(seen: &Seen, kind: SectionKind, name: &str) -> Vec<String> {
    let is_asked_for = |one: &&Destination| match kind {
        SectionKind::Tenant => one.tenant.as_deref() == Some(name),
        SectionKind::Destination => one.name == name,
        SectionKind::Route => false,
    };
    let all = seen.tenants.destinations.values().filter(|_| seen.sections.is_some());
    let made = all.filter(is_asked_for).filter(|one| one.generated().is_some());
    made.map(|one| one.name.clone()).take(super::MOST).collect()
}

/// What it leads to, and what leads to it.
fn others(seen: &Seen, kind: SectionKind, name: &str) -> Vec<(&'static str, SectionKind, String)> {
    let tenants = &seen.tenants;
    let routes = tenants.routes.values();
    match kind {
        SectionKind::Tenant => tenants
            .routes_of(name)
            .map(|route| ("Route", SectionKind::Route, route.name.clone()))
            .take(super::MOST)
            .collect(),
        SectionKind::Destination => routes
            .filter(|route| route.destination == name)
            .map(|route| ("Route", SectionKind::Route, route.name.clone()))
            .take(super::MOST)
            .collect(),
        SectionKind::Route => {
            let Some(route) = tenants.routes.get(name) else { return Vec::new() };
            let tenant = route.tenant.clone().map(|name| ("Tenant", SectionKind::Tenant, name));
            let destination = ("Destination", SectionKind::Destination, route.destination.clone());
            // One of all has no page for those who see one account alone.
            let destination =
                tenants.destinations.contains_key(&route.destination).then_some(destination);
            tenant.into_iter().chain(destination).collect()
        }
    }
}
