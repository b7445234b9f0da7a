//! The directory: tenants, destinations and routes as a file or the records say, their secrets read, ready to be
//! run.
//!
//! Owns what has to hold before any of it is used: a text is taken as a whole or not at all, and what is for
//! a destination whose secret or address cannot be used waits. Refuses to open anything ([`source`] does), and
//! to read the environment (settings do).

mod gone;
mod source;
mod view;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clients::destinations::Destinations;
use crate::destination::address::Allow;
use crate::filter::Filter;
use crate::forward::{
    Choice, Everybody, Forward, OpenSecret, Outlet, Party, ReadSecret, Refusal, Whose,
};
use crate::limits::Limit;
use crate::records::{Records, SectionState};
use crate::router::Routes;
use crate::target::{Target, route_name};
use crate::tenants::{
    self, Destination, Faults, Route, SectionKind, Sink, Standing, State, Tenants,
};
use crate::transform::{Gives, Transform};
use view::Mark;

pub(crate) use source::{Source, view_of};
pub(crate) use view::{RECORDS, View, section_text};
pub(crate) use watch::{DirectoryWatch, Taken};

/// What a file is read with.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    /// What may be called although it is not public.
    pub(crate) allow: &'a Allow,
    /// No destination may take longer: a run's time is for more than one request.
    pub(crate) longest: Duration,
    /// For so long events of a tenant are held that has uninstalled the app.
    pub(crate) kept: Duration,
    /// Whether all goes out through an HTTP proxy, which carries nothing to a database.
    pub(crate) is_proxied: bool,
    /// Reads a secret.
    pub(crate) secret: &'a ReadSecret<'a>,
    /// Opens one that was made here.
    pub(crate) generated: &'a OpenSecret<'a>,
    /// Where a destination is paused that wants nothing any more.
    pub(crate) records: Option<&'a Records>,
}

/// What one version of the file says.
#[derive(Debug)]
pub(crate) struct Directory {
    /// What faults call it.
    pub(crate) file: String,
    pub(crate) tenants: Tenants,
    outlets: BTreeMap<String, Arc<Outlet>>,
    parties: BTreeMap<String, Arc<Party>>,
    /// Routes that are no longer there.
    gone: Vec<Mark>,
    /// Why destinations cannot be used: what is for them waits.
    pub(crate) faults: Vec<String>,
}

impl Directory {
    /// Reads what a view says. All that is wrong is told at once.
    pub(crate) fn read(view: &View, rules: Rules<'_>) -> Result<Self, Faults> {
        let file = &view.name;
        let (tenants, gone) = marked(view)?;
        let (mut outlets, mut faults) = (BTreeMap::new(), Vec::new());
        for (name, destination) in &tenants.destinations {
            // One tenant's secret that is not there keeps nobody else waiting.
            let mut outlet = outlet(destination, rules).unwrap_or_else(|fault| {
                faults.push(format!("{file}: destinations.{name}: {fault}"));
                Outlet::unusable(destination)
            });
            let there = rules.records.zip(view.stands.get(name));
            outlet.refusal =
                there.map(|(records, stood)| Refusal::new(records.clone(), name.clone(), *stood));
            outlets.insert(name.clone(), Arc::new(outlet));
        }
        let party =
            |(name, tenant): (&String, _)| (name.clone(), Arc::new(Party::of(tenant, rules.kept)));
        let parties = tenants.tenants.iter().map(party).collect();
        Ok(Self { file: file.clone(), tenants, outlets, parties, gone, faults })
    }

    /// Every route as a target.
    pub(crate) fn routes(&self, destinations: &Arc<Destinations>) -> Routes {
        let there =
            self.parties.values().map(|party| (party.origin.clone(), Arc::clone(party))).collect();
        let everybody = Arc::new(Everybody { there, gone: gone::tenants(&self.gone) });
        let mut routes = Routes::of(everybody.there.keys().cloned());
        for route in self.tenants.routes.values() {
            if let Some((forward, origin)) = self.forward(route, &everybody, destinations) {
                routes.add(target(route, forward), origin.as_ref());
            }
        }
        // After those that are there: a name may be in use again.
        gone::targets(&self.gone).for_each(|target| routes.add_gone(target));
        routes
    }

    /// The route of this name, and for whose events it is; `None` if there is none.
    pub(crate) fn forward(
        &self,
        route: &Route,
        everybody: &Arc<Everybody>,
        destinations: &Arc<Destinations>,
    ) -> Option<(Forward, Option<shared::origin::Origin>)> {
        let outlet = Arc::clone(self.outlets.get(&route.destination)?);
        let (whose, origin) = match &route.tenant {
            None => (Whose::All(Arc::clone(everybody)), None),
            Some(name) => {
                let party = self.parties.get(name)?;
                (Whose::One(Arc::clone(party)), Some(party.origin.clone()))
            }
        };
        let forward = Forward {
            route: route.name.as_str().into(),
            whose,
            choice: choice(&self.tenants, route),
            outlet,
            limit: Limit::none(format_args!("route/{}", route.name)),
            is_paused: route.state == State::Paused,
            order: route.order,
            destinations: Arc::clone(destinations),
        };
        Some((forward, origin))
    }

    /// Why the destination of this name cannot be used, if it cannot.
    pub(crate) fn fault_of(&self, destination: &str) -> Option<&str> {
        let its = format!("{}: destinations.{destination}: ", self.file);
        self.faults.iter().find(|fault| fault.starts_with(&its)).map(String::as_str)
    }

    /// The destination of this name.
    pub(crate) fn outlet(&self, name: &str) -> Option<&Arc<Outlet>> {
        self.outlets.get(name)
    }
}

/// What a route makes of events: its filter and template were checked when the file was read. Where a destination
/// needs a template and the route has none, the usual one of its kind is taken.
pub(crate) fn choice(tenants: &Tenants, route: &Route) -> Choice {
    let filter = route.filter.as_ref().and_then(|filter| checked(&filter.json).ok());
    let destination = tenants.destinations.get(&route.destination);
    let usual = destination.and_then(|destination| usual(&destination.sink));
    let transform = route.transform.as_ref().or(usual.as_ref());
    Choice::of(filter, transform.and_then(|transform| template(transform).ok()))
}

/// The tenants of a view, as people have said of them, and the sections that are no longer there.
pub(crate) fn marked(view: &View) -> Result<(Tenants, Vec<Mark>), Faults> {
    let mut tenants = tenants_in((&view.name, &view.text), view.standing)?;
    let mut gone = Vec::new();
    for mark in &view.marks {
        match mark.state {
            SectionState::Active => {}
            SectionState::Paused => tenants.mark(mark.kind, &mark.name, State::Paused),
            SectionState::Uninstalled => {
                let state = State::Uninstalled { since_ms: mark.since_ms };
                tenants.mark(mark.kind, &mark.name, state);
            }
            SectionState::Deleted | SectionState::Dropped => gone.push(mark.clone()),
        }
    }
    for (origin, since_ms) in &*view.without_app {
        if let Some(name) = tenants.tenant_of(origin).map(|tenant| tenant.name.clone()) {
            let state = State::Uninstalled { since_ms: *since_ms };
            tenants.mark(SectionKind::Tenant, &name, state);
        }
    }
    Ok((tenants, gone))
}

/// The tenants that a text has which is called so, without a look at what is outside of it.
pub(crate) fn tenants_in(text: (&str, &str), standing: Standing) -> Result<Tenants, Faults> {
    let check_filter = |filter: &serde_json::Value| checked(filter).map(drop);
    let check_transform = |transform: &tenants::Transform| template(transform).map(drop);
    tenants::read(text, standing, &check_filter, &check_transform)
}

/// What is sent where a route has no template; `None` for the event as it came.
fn usual(sink: &Sink) -> Option<tenants::Transform> {
    match sink {
        Sink::Http(_) => None,
        Sink::Slack(_) => Some(tenants::Transform::Shipped("slack-event".to_owned())),
        Sink::Postgres(_) => Some(tenants::Transform::Shipped("flat-record".to_owned())),
    }
}

/// What a filter says, if it can be used here.
fn checked(filter: &serde_json::Value) -> Result<Filter, String> {
    Filter::parse(filter).map_err(|error| error.to_string())
}

/// A transform, if there is one of that name, or it can be read.
fn template(transform: &tenants::Transform) -> Result<Transform, String> {
    let (template, gives) = match transform {
        tenants::Transform::Shipped(name) => Transform::shipped(name).ok_or_else(|| {
            let names: Vec<_> = Transform::names().collect();
            format!("there is no transform of that name: there are {}", names.join(", "))
        })?,
        tenants::Transform::Own { template, gives } => {
            let gives = match gives {
                tenants::Gives::Json => Gives::Json,
                tenants::Gives::Form => Gives::Form,
                tenants::Gives::Text => Gives::Text,
            };
            (template.as_str(), gives)
        }
    };
    Transform::parse(template, gives).map_err(|error| error.to_string())
}

fn outlet(destination: &Destination, rules: Rules<'_>) -> Result<Outlet, String> {
    if rules.is_proxied && matches!(destination.sink, Sink::Postgres(_)) {
        return Err("postgres: no database is reached through FORWARD_PROXY, and there is one: \
            have the row written by an endpoint of its own, with url"
            .to_owned());
    }
    let whole = destination.timeouts.whole;
    if whole > rules.longest {
        return Err(format!(
            "timeout ({}) must not be longer than API_TIMEOUT ({})",
            humantime::format_duration(whole),
            humantime::format_duration(rules.longest),
        ));
    }
    // A run has time for one request, and for as long again before it.
    if let Some(batch) = destination.batch
        && batch.wait > rules.longest
    {
        return Err(format!(
            "batch.wait ({}) must not be longer than API_TIMEOUT ({})",
            humantime::format_duration(batch.wait),
            humantime::format_duration(rules.longest),
        ));
    }
    let outlet = Outlet::of(destination, rules.secret, rules.generated)?;
    outlet.sink.check(rules.allow)?;
    Ok(outlet)
}

/// A route by the name that claims and dead letters have it under.
fn target(route: &Route, forward: Forward) -> Target {
    let forward = Arc::new(forward);
    let (wants, reads) = (Arc::clone(&forward), forward.choice.properties().clone());
    let target = Target::route(
        &route_name(route.tenant.as_deref(), &route.name),
        Arc::new(move |event| wants.wants(event)),
        Arc::new(move |cx, event| {
            let forward = Arc::clone(&forward);
            Box::pin(async move { forward.run(cx, event).await })
        }),
    );
    target.reading(reads)
}
