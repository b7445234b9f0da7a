//! `/tenants`: tenants, destinations and routes, and how they fare. `/tenants/{kind}/{name}`: one of them, which
//! can be paused and resumed; with POST an event is tried on a route.

use actix_web::web;
use askama::Template;

use super::super::fault::Fault;
use super::super::frame::{Frame, Tab};
use super::super::parts::{Moment, Part, grouped};
use super::super::visit::{Answer, Visit, page, see};
use crate::records::{Edit, Section, SectionState};
use crate::strangers::Stranger;
use crate::tenants::{SectionKind, Sink, State, Tenants};

mod attempts;
mod fare;
mod section;

use fare::{Fare, Fares};
pub(in crate::console) use section::{rehearse, show};

/// So many of each are shown.
const MOST: usize = 200;

struct TenantRow {
    name: String,
    origin: String,
    display_name: String,
    state: Word,
    routes: usize,
    fare: Fare,
}

struct DestinationRow {
    name: String,
    tenant: String,
    whither: String,
    state: Word,
    fare: Fare,
}

struct RouteRow {
    name: String,
    tenant: String,
    destination: String,
    /// Whether the destination is on a page too.
    leads_on: bool,
    state: Word,
    fare: Fare,
}

/// An account whose events are no tenant's.
struct StrangerRow {
    origin: String,
    events: String,
    first: Part<Moment>,
    last: Part<Moment>,
}

/// A state as it is shown.
struct Word {
    text: &'static str,
    tone: &'static str,
}

impl From<State> for Word {
    fn from(state: State) -> Self {
        let tone = match state {
            State::Active => "good",
            State::Paused => "wait",
            State::Uninstalled { .. } => "bad",
        };
        Self { text: state.as_str(), tone }
    }
}

#[derive(Template)]
#[template(path = "tenants.html")]
struct TenantsPage {
    frame: Frame,
    fault: Option<String>,
    /// Why it is not known how they fare.
    unknown: Option<String>,
    is_from_file: bool,
    /// Where they were looked for.
    whence: String,
    /// Workers have some, and there are none there.
    is_blind: bool,
    asked: String,
    tenants: Vec<TenantRow>,
    destinations: Vec<DestinationRow>,
    routes: Vec<RouteRow>,
    strangers: Vec<StrangerRow>,
    /// How many there are beside those that are shown.
    left_off: usize,
}

pub(in crate::console) async fn list(visit: Visit) -> Answer {
    let asked = visit.query.get("name").unwrap_or_default().to_lowercase();
    let seen = visit.ask(visit.app.tenants.look(&visit.person.reach)).await?;
    let fares = Fares::look(&visit).await?;
    let all = &seen.tenants;
    let has = |texts: &[&str]| texts.iter().any(|text| text.to_lowercase().contains(&asked));
    let tenants = all.tenants.values().filter(|tenant| {
        has(&[
            &tenant.name,
            &tenant.origin.to_string(),
            tenant.display_name.as_deref().unwrap_or_default(),
        ])
    });
    let tenants: Vec<_> = tenants.map(|tenant| tenant_row(all, tenant, &fares)).collect();
    let destinations = all.destinations.values().filter(|destination| {
        has(&[&destination.name, destination.tenant.as_deref().unwrap_or_default()])
    });
    let destinations: Vec<_> = destinations.map(|one| destination_row(one, &fares)).collect();
    let routes = all.routes.values().filter(|route| {
        has(&[&route.name, &route.destination, route.tenant.as_deref().unwrap_or_default()])
    });
    let routes: Vec<_> = routes.map(|route| route_row(all, route, &fares)).collect();
    let strangers = strangers(&visit, all, &asked).await?;
    let beyond = |count: usize| count.saturating_sub(MOST);
    let left_off = beyond(tenants.len()) + beyond(destinations.len()) + beyond(routes.len());
    page(&TenantsPage {
        frame: visit.frame("Tenants", Tab::Tenants).live(true),
        fault: seen.fault,
        unknown: fares.unknown.clone(),
        is_from_file: seen.sections.is_none(),
        whence: visit.app.tenants.whence(),
        is_blind: visit.person.sees_all() && all.tenants.is_empty() && fares.has_tenants(),
        asked: visit.query.field("name").to_owned(),
        tenants: tenants.into_iter().take(MOST).collect(),
        destinations: destinations.into_iter().take(MOST).collect(),
        routes: routes.into_iter().take(MOST).collect(),
        strangers,
        left_off,
    })
}

/// Those that are none by now either. They are of no account that sees itself alone.
async fn strangers(visit: &Visit, all: &Tenants, asked: &str) -> Result<Vec<StrangerRow>, Fault> {
    if !visit.person.sees_all() || !visit.app.limits.has_workers() {
        return Ok(Vec::new());
    }
    let limits = std::sync::Arc::clone(&visit.app.limits);
    let seen = visit.ask(async move { Ok(limits.strangers().await) }).await?;
    let moment = |ms| Moment::new(ms, visit.now_ms);
    let row = |stranger: &Stranger| StrangerRow {
        origin: stranger.origin.to_string(),
        events: grouped(i64::try_from(stranger.events).unwrap_or(i64::MAX)),
        first: moment(stranger.first_ms),
        last: moment(stranger.last_ms),
    };
    let strangers = seen.iter().filter(|stranger| all.tenant_of(&stranger.origin).is_none());
    let strangers =
        strangers.filter(|stranger| stranger.origin.to_string().to_lowercase().contains(asked));
    Ok(strangers.take(MOST).map(row).collect())
}

fn tenant_row(all: &Tenants, tenant: &crate::tenants::Tenant, fares: &Fares) -> TenantRow {
    TenantRow {
        name: tenant.name.clone(),
        origin: tenant.origin.to_string(),
        display_name: tenant.display_name.clone().unwrap_or_default(),
        state: tenant.state.into(),
        routes: all.routes_of(&tenant.name).count(),
        fare: fares.of(SectionKind::Tenant, &tenant.name),
    }
}

fn destination_row(destination: &crate::tenants::Destination, fares: &Fares) -> DestinationRow {
    DestinationRow {
        name: destination.name.clone(),
        tenant: destination.tenant.clone().unwrap_or_else(|| "all".to_owned()),
        whither: match &destination.sink {
            // The rest of an address may be a secret.
            Sink::Http(endpoint) => endpoint.url.url().host_str().unwrap_or_default().to_owned(),
            Sink::Slack(_) => "Slack".to_owned(),
            Sink::Postgres(_) => "PostgreSQL".to_owned(),
        },
        state: destination.state.into(),
        fare: fares.of(SectionKind::Destination, &destination.name),
    }
}

fn route_row(all: &Tenants, route: &crate::tenants::Route, fares: &Fares) -> RouteRow {
    RouteRow {
        leads_on: all.destinations.contains_key(&route.destination),
        name: route.name.clone(),
        tenant: route.tenant.clone().unwrap_or_else(|| "all".to_owned()),
        destination: route.destination.clone(),
        state: route.state.into(),
        fare: fares.of(SectionKind::Route, &route.name),
    }
}

/// Holds what is for it, or lets it go on.
pub(in crate::console) async fn turn(
    visit: Visit,
    path: web::Path<(String, String, String)>,
) -> Answer {
    let (kind, name, deed) = path.into_inner();
    let state = match &*deed {
        "pause" => SectionState::Paused,
        "resume" => SectionState::Active,
        _ => return Err(Fault::NotFound("There is no such action.".to_owned())),
    };
    let kind: SectionKind = kind.parse().map_err(|_| missing(&name))?;
    if visit.app.tenants.is_from_file() {
        return Err(missing(&name));
    }
    let (records, who, named) = (visit.records()?, visit.person.signature(), name.clone());
    // Whoever goes away meanwhile has done it all the same.
    let turning = visit.app.act(async move {
        let sections = records.tenant_sections().await?;
        let found = sections.there().find(|section| section.kind == kind && section.name == named);
        let Some(section) = found else { return Ok(None) };
        // Who pauses one that has refused says that it is known.
        if section.state == state && !section.has_refused() {
            return Ok(Some(None));
        }
        let edit = Edit::Turn { kind, name: named.clone(), state };
        records.edit_tenants(sections.version, &[edit], &who).await?;
        let sections = records.tenant_sections().await?;
        let is_it = |section: &&Section| section.kind == kind && section.name == named;
        Ok(sections.there().find(is_it).map(|section| Some(section.state)))
    });
    let done = match turning.await? {
        Some(Some(Some(SectionState::Uninstalled))) => "tried",
        Some(Some(Some(_))) => &*deed,
        Some(Some(None)) => "nothing",
        Some(None) => return Err(missing(&name)),
        None => "slow",
    };
    Ok(see(&format!("/tenants/{kind}/{name}?done=section-{done}")))
}

fn missing(name: &str) -> Fault {
    Fault::NotFound(format!(
        "There is no {name} in the records: what comes from a file is changed there."
    ))
}
