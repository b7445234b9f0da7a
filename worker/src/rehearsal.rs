//! What a route would do with an event, and why: nothing is sent, and nothing is read from HubSpot.

use serde::Serialize;
use serde_json::Value;
use shared::event::Event;

use crate::directory::choice;
use crate::filter::{Facts, Filter, Line};
use crate::forward::{Body, record as record_of};
use crate::order::Terms;
use crate::tenants::{Route, Tenants};

/// What became of one event.
#[derive(Clone, Serialize)]
pub(crate) struct Rehearsal {
    /// Each reason, those of the filter with their depth.
    pub(crate) why: Vec<String>,
    /// What would go out; `None` if nothing would.
    #[serde(skip)]
    pub(crate) body: Option<Body>,
}

impl Rehearsal {
    /// Plays it; `record` are the properties of the event's record, if somebody gave them.
    pub(crate) async fn of(
        tenants: &Tenants,
        route: &Route,
        event: &Event,
        record: Option<&Value>,
    ) -> Self {
        let mut why = Vec::new();
        let (is_theirs, whose) = whose(tenants, route, event);
        why.push(whose);
        if let Some(filter) =
            route.filter.as_ref().and_then(|filter| Filter::parse(&filter.json).ok())
        {
            let facts = Facts { event: event.json().unwrap_or(&Value::Null), record };
            why.extend(filter.explain(&facts).iter().map(explained));
        }
        why.extend(route.order.map(|terms| in_order(terms, event)));
        // What workers are told of it is not known here.
        if event.is_own_write(None) {
            let what = "the app made the change itself: it goes out with HANDLE_OWN_WRITES alone";
            why.push(what.to_owned());
        }
        let choice = choice(tenants, route);
        let mut body = None;
        if is_theirs && choice.may_want(event) {
            match choice.made(event, record.cloned()).await {
                Ok(made) => body = made,
                Err(error) => why.push(error.to_string()),
            }
            if body.is_none() && route.transform.is_some() {
                why.push("the template gives nothing, or the filter drops it".to_owned());
            }
        }
        Self { why, body }
    }
}

/// Whether the event is for the route's tenant, and how that was found.
fn whose(tenants: &Tenants, route: &Route, event: &Event) -> (bool, String) {
    match (tenants.tenant_of(&event.origin), &route.tenant) {
        (None, _) => (false, format!("{} is no tenant's origin", event.origin)),
        (Some(tenant), Some(name)) if tenant.name != *name => {
            (false, format!("the event is {}'s, and the route {name}'s", tenant.name))
        }
        (Some(tenant), _) => (true, format!("the event is {}'s", tenant.name)),
    }
}

/// What the order of records means for the event.
fn in_order(terms: Terms, event: &Event) -> String {
    let Some(record) = record_of(event) else {
        return "the event is about no single record: it has no order".to_owned();
    };
    let hold = humantime::format_duration(terms.hold);
    let then = if terms.takes_along { "then takes them along" } else { "then they go on" };
    format!(
        "the events of {record} go out one after the other; one that fails holds them for {hold}, {then}"
    )
}

/// `  no: changeSource not_in ["IMPORT"] (is "IMPORT")`.
fn explained(line: &Line) -> String {
    let Line { depth, text, held, found } = line;
    let (indent, held) = ("  ".repeat(*depth), if *held { "yes" } else { "no" });
    let found = found.as_ref().map(|found| format!(" (is {found})")).unwrap_or_default();
    format!("{indent}{held}: {text}{found}")
}
