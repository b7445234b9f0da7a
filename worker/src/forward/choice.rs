//! What a route makes of an event: whether it goes this way, and the body that goes out.
//!
//! Owns when the CRM record is read: only where filter or template ask for it, once for both, and for all routes
//! that a delivery goes to.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use shared::event::Event;
use shared::senders::hubspot::{Change, HubSpotEvent, ObjectType};

use super::account::Account;
use crate::context::Context;
use crate::error::HandlerError;
use crate::filter::{Facts, Filter};
use crate::transform::{Input, Portal, Transform};

/// A route's filter and template.
#[derive(Debug)]
pub struct Choice {
    filter: Option<Filter>,
    transform: Option<Arc<Transform>>,
    /// Properties that either asks for.
    properties: BTreeSet<String>,
    /// Whether the filter cannot be asked without them.
    filters_records: bool,
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
        Self { filter, transform: transform.map(Arc::new), properties, filters_records }
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
        let needs = self.transform.as_ref().map(|transform| transform.needs());
        !self.properties.is_empty() || needs.is_some_and(|needs| needs.stages || needs.ui_domain)
    }

    /// Whether the event may go this way, as far as the event itself tells. One that is no JSON goes nowhere
    /// that has a filter.
    pub fn may_want(&self, event: &Event) -> bool {
        match &self.filter {
            None => true,
            Some(_) if self.filters_records => true,
            Some(filter) => {
                event.json().is_some_and(|event| filter.decide(&Facts { event, record: None }))
            }
        }
    }

    /// The body that goes out; `None` if the event does not go this way after all.
    pub(crate) async fn body(
        &self,
        cx: &Context,
        event: &Event,
    ) -> Result<Option<Body>, HandlerError> {
        if self.transform.is_none() && !self.filters_records {
            return Ok(Some(as_it_came(event)));
        }
        let record = self.record(cx, event).await?;
        let Some(seen) = self.let_through(event, record)? else { return Ok(None) };
        let Some(transform) = &self.transform else { return Ok(Some(as_it_came(event))) };
        let account = Account::of(cx, event, transform.needs()).await?;
        let body = seen.made(transform, &account).await?;
        // Stages change now and then: with a new one the body is another.
        match account.anew(cx).await? {
            Some(account) => seen.made(transform, &account).await,
            None => Ok(body),
        }
    }

    /// The same with a record that was read, if it was, and without a question to HubSpot.
    pub async fn made(
        &self,
        event: &Event,
        record: Option<Value>,
    ) -> Result<Option<Body>, HandlerError> {
        let Some(seen) = self.let_through(event, record)? else { return Ok(None) };
        let Some(transform) = &self.transform else { return Ok(Some(as_it_came(event))) };
        seen.made(transform, &Account::default()).await
    }

    /// What a template sees, unless the filter drops it.
    fn let_through(
        &self,
        event: &Event,
        record: Option<Value>,
    ) -> Result<Option<Seen>, HandlerError> {
        let Some(facts) = event.json() else {
            return Err(HandlerError::permanent("UNREADABLE", "the event is no JSON"));
        };
        let holds =
            |filter: &Filter| filter.decide(&Facts { event: facts, record: record.as_ref() });
        if self.filters_records && !self.filter.as_ref().is_none_or(holds) {
            return Ok(None);
        }
        let portal_id = event.origin.portal_id().unwrap_or_default();
        Ok(Some(Seen { event: event.clone(), record: record.map(Arc::new), portal_id }))
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
    async fn made(
        &self,
        transform: &Arc<Transform>,
        account: &Account,
    ) -> Result<Option<Body>, HandlerError> {
        let (seen, transform, account) = (self.clone(), Arc::clone(transform), account.clone());
        // A template may compute for a while: not where others wait for their turn.
        let applying = tokio::task::spawn_blocking(move || {
            transform.apply(&Input {
                event: seen.event.json().unwrap_or(&Value::Null),
                record: seen.record.as_deref(),
                portal: Portal { id: seen.portal_id, ui_domain: &account.ui_domain },
                stages: &account.stages,
            })
        });
        let made = applying.await?.map_err(|error| {
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
