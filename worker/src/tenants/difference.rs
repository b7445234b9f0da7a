//! What differs between two versions of the file, for people: what comes, what changes and what goes.
//!
//! It names the keys that change and shows no value of theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::destination::Destination;
use super::endpoint::Endpoint;
use super::model::Tenants;
use super::route::Route;
use super::section_kind::SectionKind;
use super::sign::Sign;
use super::sink::Sink;
use super::tenant::Tenant;
use super::timeouts::Timeouts;
use crate::order::Terms;

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is new; a route leads to a destination.
    Comes {
        to: Option<String>,
    },
    /// The keys whose values differ.
    Changes(Vec<&'static str>),
    Goes,
}

/// One thing and what becomes of it. As a text: `~ destination acme-crm: url, rate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) kind: SectionKind,
    pub(crate) name: String,
    pub(crate) fate: Fate,
}

/// All changes: of tenants, of destinations and of routes, each by name. As a text, a line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference(pub(crate) Vec<Change>);

impl Difference {
    pub(crate) fn between(old: &Tenants, new: &Tenants) -> Self {
        let tenants = changes(SectionKind::Tenant, [&old.tenants, &new.tenants], of_tenant);
        let destinations = changes(
            SectionKind::Destination,
            [&old.destinations, &new.destinations],
            of_destination,
        );
        let mut routes = changes(SectionKind::Route, [&old.routes, &new.routes], of_route);
        for route in &mut routes {
            if let Fate::Comes { to } = &mut route.fate {
                *to = new.routes.get(&route.name).map(|route| route.destination.clone());
            }
        }
        Self([tenants, destinations, routes].concat())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, change) in self.0.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{change}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.fate {
            Fate::Comes { .. } => '+',
            Fate::Changes(_) => '~',
            Fate::Goes => '-',
        };
        write!(f, "{sign} {} {}", self.kind, self.name)?;
        match &self.fate {
            Fate::Comes { to: Some(to) } => write!(f, " → {to}"),
            Fate::Changes(keys) => write!(f, ": {}", keys.join(", ")),
            Fate::Comes { to: None } | Fate::Goes => Ok(()),
        }
    }
}

fn changes<T: PartialEq>(
    kind: SectionKind,
    [old, new]: [&BTreeMap<String, T>; 2],
    keys: impl Fn(&T, &T) -> Vec<&'static str>,
) -> Vec<Change> {
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let changes = names.into_iter().filter_map(|name| {
        let fate = match (old.get(name), new.get(name)) {
            (None, Some(_)) => Fate::Comes { to: None },
            (Some(old), Some(new)) if old != new => Fate::Changes(keys(old, new)),
            (Some(_), None) => Fate::Goes,
            _ => return None,
        };
        Some(Change { kind, name: name.clone(), fate })
    });
    changes.collect()
}

fn of_tenant(old: &Tenant, new: &Tenant) -> Vec<&'static str> {
    // Taken apart, so that nothing new is forgotten.
    let Tenant { name: _, origin, display_name, state, rate, concurrency } = old;
    differing([
        ("origin", *origin != new.origin),
        ("name", *display_name != new.display_name),
        ("state", *state != new.state),
        ("rate", *rate != new.rate),
        ("concurrency", *concurrency != new.concurrency),
    ])
}

fn of_destination(old: &Destination, new: &Destination) -> Vec<&'static str> {
    let Destination {
        name: _,
        tenant,
        sink,
        timeouts: Timeouts { connect, first_byte, whole },
        rate,
        concurrency,
        batch,
        transient_statuses,
        permanent_statuses,
        state,
    } = old;
    let (old_endpoint, new_endpoint) = (sink.endpoint(), new.sink.endpoint());
    let of_endpoints = match (old_endpoint, new_endpoint) {
        (Some(old), Some(new)) => of_endpoint(old, new),
        // All that is said of an endpoint comes or goes with it.
        (None, Some(_)) | (Some(_), None) => vec!["url"],
        (None, None) => Vec::new(),
    };
    let others = |kind: fn(&Sink) -> bool| (kind(sink) || kind(&new.sink)) && *sink != new.sink;
    let of_all = differing([
        ("slack", others(|sink| matches!(sink, Sink::Slack(_)))),
        ("postgres", others(|sink| matches!(sink, Sink::Postgres(_)))),
        ("connect_timeout", *connect != new.timeouts.connect),
        ("first_byte_timeout", *first_byte != new.timeouts.first_byte),
        ("timeout", *whole != new.timeouts.whole),
        ("rate", *rate != new.rate),
        ("concurrency", *concurrency != new.concurrency),
        ("batch", *batch != new.batch),
        ("transient_statuses", *transient_statuses != new.transient_statuses),
        ("permanent_statuses", *permanent_statuses != new.permanent_statuses),
        ("state", *state != new.state),
    ]);
    [differing([("tenant", *tenant != new.tenant)]), of_endpoints, of_all].concat()
}

fn of_endpoint(old: &Endpoint, new: &Endpoint) -> Vec<&'static str> {
    let Endpoint { url, method, sign, headers } = old;
    differing([
        ("url", *url != new.url),
        ("method", *method != new.method),
        ("sign", sign.word() != new.sign.word()),
        (
            "secret",
            (sign.secret(), is_generated(sign)) != (new.sign.secret(), is_generated(&new.sign)),
        ),
        ("previous_secret", sign.previous_secret() != new.sign.previous_secret()),
        ("headers", *headers != new.headers),
    ])
}

fn is_generated(sign: &Sign) -> bool {
    sign.generated().is_some()
}

fn of_route(old: &Route, new: &Route) -> Vec<&'static str> {
    let Route { name: _, tenant, destination, filter, transform, order, state } = old;
    // The others only where it stays.
    let differs = |terms: fn(&Terms, &Terms) -> bool| {
        order.zip(new.order).is_some_and(|(old, new)| terms(&old, &new))
    };
    differing([
        ("tenant", *tenant != new.tenant),
        ("destination", *destination != new.destination),
        ("filter", *filter != new.filter),
        ("transform", *transform != new.transform),
        ("order", order.is_some() != new.order.is_some()),
        ("order_hold", differs(|old, new| old.hold != new.hold)),
        ("after_failure", differs(|old, new| old.takes_along != new.takes_along)),
        ("state", *state != new.state),
    ])
}

fn differing<const N: usize>(keys: [(&'static str, bool); N]) -> Vec<&'static str> {
    keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}
