//! What a route makes of an event: whether it goes this way, and the body that goes out.
//!
//! Owns when the CRM record is read: only where filter or template ask for it, once for both, and for all routes
//! that a delivery goes to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde_json::Value;
use shared::event::Event;
use shared::senders::hubspot::{Change, HubSpotEvent, ObjectType};

use super::account::Account;
use super::computing::{Computing, Kind, Lately};
use crate::context::Context;
use crate::error::HandlerError;
use crate::filter::{Facts, Filter};
use crate::run::Run;
use crate::transform::{Input, Portal, Transform};

/// A route's filter and template.
#[derive(Debug)]
pub struct Choice {
    filter: Option<Arc<Filter>>,
    transform: Option<Arc<Template>>,
    /// Properties that either asks for.
    properties: BTreeSet<String>,
    /// Whether the filter cannot be asked without them.
    filters_records: bool,
}

/// A template, and how long it has taken lately.
#[derive(Debug)]
struct Template {
    transform: Transform,
    took: Lately,
}

/// A body as it goes out.
#[derive(Clone)]
pub struct Body {
    /// What is sent.
    pub bytes: Bytes,
    /// What it is sent as.
    pub content_type: &'static str,
}

/// What a template sees.
#[derive(Clone)]
struct Seen {
    /// It is JSON.
    event: Event,
    /// Its record, if it was read.
    record: Option<Arc<Value>>,
    portal_id: u64,
}

impl Choice {
    pub(crate) fn of(filter: Option<Filter>, transform: Option<Transform>) -> Self {
        let of_filter = filter.as_ref().map(Filter::properties).unwrap_or_default();
        let of_transform = transform.as_ref().map(|transform| transform.properties().clone());
        let filters_records = !of_filter.is_empty();
        let properties = of_filter.into_iter().chain(of_transform.unwrap_or_default()).collect();
        let template = |transform| Arc::new(Template { transform, took: Lately::default() });
        let (filter, transform) = (filter.map(Arc::new), transform.map(template));
        Self { filter, transform, properties, filters_records }
    }

    /// Of a filter, and of a template that comes with Hubline; `None` if either cannot be used.
    pub fn read(filter: Option<&Value>, shipped: Option<&str>) -> Option<Self> {
        let filter = filter.map(Filter::parse).transpose().ok()?;
        let template = |name| {
            let (template, gives) = Transform::shipped(name)?;
            Transform::parse(template, gives).ok()
        };
        let transform = match shipped {
            Some(name) => Some(template(name)?),
            None => None,
        };
        Some(Self::of(filter, transform))
    }

    /// Properties of the record that filter or template ask for.
    pub(crate) fn properties(&self) -> &BTreeSet<String> {
        &self.properties
    }

    /// Whether HubSpot may be asked something for it.
    pub(crate) fn asks_hubspot(&self) -> bool {
        let needs = self.transform.as_ref().map(|template| template.transform.needs());
        !self.properties.is_empty() || needs.is_some_and(|needs| needs.stages || needs.ui_domain)
    }

    /// Whether the event may go this way, as far as the event itself tells at once. One that is no JSON goes nowhere
    /// that has a filter.
    pub fn may_want(&self, event: &Event) -> bool {
        let Some(filter) = &self.filter else { return true };
        if self.filters_records {
            return true;
        }
        event.json().is_some_and(|event| {
            let facts = Facts { event, record: None };
            !filter.is_light(&facts) || filter.decide(&facts)
        })
    }

    /// The same, of what [`Self::may_want`] did not decide too; and once more of the rest, whose filter may be another
    /// one by now. A filter that looks at the record is asked with that.
    pub(crate) async fn wants(
        &self,
        run: Option<&Run>,
        event: &Event,
        computing: &Computing,
    ) -> Result<bool, HandlerError> {
        let (Some(filter), false) = (&self.filter, self.filters_records) else { return Ok(true) };
        if event.json().is_none() {
            return Ok(false);
        }
        Seen::of(event, None).passes(filter, run, false, computing).await
    }

    /// The body that goes out; `None` if the event does not go this way after all.
    pub(crate) async fn body(
        &self,
        cx: &Context,
        event: &Event,
        computing: &Computing,
    ) -> Result<Option<Body>, HandlerError> {
        if self.transform.is_none() && !self.filters_records {
            return Ok(Some(as_it_came(event)));
        }
        let record = self.record(cx, event).await?;
        let through = self.let_through(Some(cx), event, record, computing).await?;
        let Some(seen) = through else { return Ok(None) };
        let Some(transform) = &self.transform else { return Ok(Some(as_it_came(event))) };
        let account = Account::of(cx, event, transform.transform.needs()).await?;
        let asked = self.asks_hubspot();
        let body = seen.made((Some(cx), asked), transform, &account, computing).await?;
        // Stages change now and then: with a new one the body is another.
        match account.anew(cx).await? {
            Some(account) => seen.made((Some(cx), true), transform, &account, computing).await,
            None => Ok(body),
        }
    }

    /// The same with a record that was read, if it was, and without a question to HubSpot.
    pub async fn made(
        &self,
        event: &Event,
        record: Option<Value>,
    ) -> Result<Option<Body>, HandlerError> {
        let computing = Computing::default();
        if !self.wants(None, event, &computing).await? {
            return Ok(None);
        }
        let through = self.let_through(None, event, record, &computing).await?;
        let Some(seen) = through else { return Ok(None) };
        let Some(transform) = &self.transform else { return Ok(Some(as_it_came(event))) };
        seen.made((None, false), transform, &Account::default(), &computing).await
    }

    /// What a template sees, unless the filter drops it that looks at the record.
    async fn let_through(
        &self,
        run: Option<&Run>,
        event: &Event,
        record: Option<Value>,
        computing: &Computing,
    ) -> Result<Option<Seen>, HandlerError> {
        if event.json().is_none() {
            return Err(HandlerError::permanent("UNREADABLE", "the event is no JSON"));
        }
        let seen = Seen::of(event, record);
        match self.filter.as_ref().filter(|_| self.filters_records) {
            Some(filter) if !seen.passes(filter, run, true, computing).await? => Ok(None),
            _ => Ok(Some(seen)),
        }
    }

    /// What is gone has no properties.
    async fn record(&self, cx: &Context, event: &Event) -> Result<Option<Value>, HandlerError> {
        let Ok(event) = event.hubspot() else { return Ok(None) };
        let (Some((object_type, id)), false) = (named(event), self.properties.is_empty()) else {
            return Ok(None);
        };
        let hubspot = cx.hubspot()?;
        let shared = cx.record.as_ref().filter(|it| self.properties.is_subset(it.properties()));
        let all = shared.map_or(&self.properties, |shared| shared.properties());
        let names: Vec<&str> = all.iter().map(String::as_str).collect();
        // Not remembered: the ledger would keep a person's data that an erasure does not find.
        let reading = Box::pin(hubspot.properties(&object_type, id, &names));
        match shared {
            Some(shared) => shared.get(&self.properties, reading).await,
            None => reading.await,
        }
    }
}

impl Seen {
    fn of(event: &Event, record: Option<Value>) -> Self {
        let portal_id = event.origin.portal_id().unwrap_or_default();
        Self { event: event.clone(), record: record.map(Arc::new), portal_id }
    }

    fn facts(&self) -> Facts<'_> {
        let event = self.event.json().unwrap_or(&Value::Null);
        Facts { event, record: self.record.as_deref() }
    }

    async fn passes(
        &self,
        filter: &Arc<Filter>,
        run: Option<&Run>,
        has_asked: bool,
        computing: &Computing,
    ) -> Result<bool, HandlerError> {
        if filter.is_light(&self.facts()) {
            return Ok(filter.decide(&self.facts()));
        }
        let (seen, filter) = (self.clone(), Arc::clone(filter));
        computing.run(Kind::Filter, run, has_asked, move || filter.decide(&seen.facts())).await
    }

    async fn made(
        &self,
        (run, has_asked): (Option<&Run>, bool),
        transform: &Arc<Template>,
        account: &Account,
        computing: &Computing,
    ) -> Result<Option<Body>, HandlerError> {
        let (seen, template, account) = (self.clone(), Arc::clone(transform), account.clone());
        let apply = move || {
            let begun = Instant::now();
            let made = template.transform.apply(&Input {
                event: seen.event.json().unwrap_or(&Value::Null),
                record: seen.record.as_deref(),
                portal: Portal { id: seen.portal_id, ui_domain: &account.ui_domain },
                stages: &account.stages,
            });
            template.took.note(begun.elapsed());
            made
        };
        // Not where others wait for their turn, in any case.
        let made = if transform.took.is_light() {
            tokio::task::spawn_blocking(apply).await?
        } else {
            computing.run(Kind::Template, run, has_asked, apply).await?
        };
        let made = made.map_err(|error| {
            HandlerError::permanent("TRANSFORM_FAILED", format_args!("the transform: {error}"))
        })?;
        Ok(made.map(|made| Body { bytes: made.body.into(), content_type: made.content_type }))
    }
}

/// The event, byte for byte.
pub(crate) fn as_it_came(event: &Event) -> Body {
    Body { bytes: event.body().clone(), content_type: "application/json" }
}

/// The record that the event is about, as paths name it; `None` if it is gone, or of no known kind.
fn named(event: &HubSpotEvent) -> Option<(String, u64)> {
    if matches!(event.change(), Change::Deletion | Change::PrivacyDeletion) {
        return None;
    }
    let object_type = match event.object_type() {
        ObjectType::Contact => "contacts".to_owned(),
        ObjectType::Company => "companies".to_owned(),
        ObjectType::Deal => "deals".to_owned(),
        ObjectType::Ticket => "tickets".to_owned(),
        ObjectType::Product => "products".to_owned(),
        ObjectType::LineItem => "line_items".to_owned(),
        ObjectType::Custom(id) => id,
        ObjectType::Other(id) if id.starts_with(|c: char| c.is_ascii_digit()) => id,
        _ => return None,
    };
    event.object_id.map(|id| (object_type, id))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use serde_json::json;
    use shared::origin::Sender;

    use super::*;

    #[tokio::test]
    async fn a_filter_that_may_compute_for_a_while_is_asked_where_nobody_waits() {
        // Of one that is light whatever comes, and of one that is by what comes.
        let light = json!({ "field": "propertyValue", "operator": "equals", "value": "b" });
        let pattern = "(?:a?){60}(?:a|aa|aaa){30}!N$";
        let costly = json!({ "field": "propertyValue", "operator": "matches", "value": pattern });
        let event = |value: &str| {
            let body = json!({ "eventId": 1, "portalId": 2, "occurredAt": 3, "objectId": 4,
                "subscriptionType": "deal.propertyChange", "propertyValue": value });
            Sender::HubSpot.identify(&body.to_string().into()).unwrap()
        };
        let long = "a".repeat(4_096);
        for (filter, value, is_told_later) in [
            (&light, "a", false),
            (&light, &*long, false),
            (&costly, "a", false),
            (&costly, &long, true),
        ] {
            let choice = Choice::read(Some(filter), None).unwrap();
            assert_eq!(choice.may_want(&event(value)), is_told_later);
            assert!(choice.made(&event(value), None).await.unwrap().is_none(), "{value}");
        }
        let long = format!("{}!N", &long[..4_000]);
        let choice = Choice::read(Some(&costly), None).unwrap();
        assert!(choice.may_want(&event(&long)));
        assert!(choice.made(&event(&long), None).await.unwrap().is_some());
    }
}
