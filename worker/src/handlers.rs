//! What Hubline does with events: the one list of handlers, and which events each wants.
//!
//! To add a handler: write `handlers/on_….rs` after the model of `on_deal_created`, then give it
//! a line in [`registry`] and a rule beneath. Its name goes into claims, dead letters and
//! metrics: once in use it stays. A handler reads what it needs from HubSpot, since events come
//! in any order, more than once, and late.

mod contact;
mod customer;
mod on_contact_became_customer;
mod on_contact_created;
mod on_contact_merged;
mod on_contact_removed;
mod on_deal_closed;
mod on_deal_created;
mod on_deal_stage_changed;
mod order;
mod parts;
mod record;

use std::sync::Arc;

use shared::senders::hubspot::{Change, HubSpotEvent, ObjectType};

use crate::registry::{Registry, RegistryError};
use crate::settings::integrations::IntegrationSettings;
use on_contact_became_customer::on_contact_became_customer;
use on_contact_created::on_contact_created;
use on_contact_merged::on_contact_merged;
use on_contact_removed::on_contact_removed;
use on_deal_closed::on_deal_closed;
use on_deal_created::on_deal_created;
use on_deal_stage_changed::on_deal_stage_changed;

/// Every built-in handler.
pub fn registry(settings: &IntegrationSettings) -> Result<Registry, RegistryError> {
    let won: Arc<[String]> = settings.won_stages().into();
    let mut registry = Registry::new();
    registry
        .hubspot("on_deal_created", deal_created, on_deal_created)?
        .hubspot("on_deal_closed", knowing(&won, deal_closed), on_deal_closed)?
        .hubspot("on_deal_stage_changed", knowing(&won, deal_stage_changed), on_deal_stage_changed)?
        .hubspot("on_contact_created", contact_created, on_contact_created)?
        .hubspot("on_contact_merged", contact_merged, on_contact_merged)?
        .hubspot("on_contact_became_customer", became_customer, on_contact_became_customer)?
        .hubspot("on_contact_removed", contact_removed, on_contact_removed)?;
    Ok(registry)
}

fn deal_created(event: &HubSpotEvent) -> bool {
    event.is(ObjectType::Deal, Change::Creation)
}

/// A move to a won stage, or HubSpot's own sign, which knows every pipeline.
fn deal_closed(event: &HubSpotEvent, won: &[String]) -> bool {
    event.is(ObjectType::Deal, Change::PropertyChange)
        && (event.property("dealstage").is_some_and(|stage| is_in(won, stage))
            || event.property("hs_is_closed_won") == Some("true"))
}

fn deal_stage_changed(event: &HubSpotEvent, won: &[String]) -> bool {
    event.is(ObjectType::Deal, Change::PropertyChange)
        && event.property("dealstage").is_some_and(|stage| !stage.is_empty() && !is_in(won, stage))
}

/// It is there now, as a new one or again.
fn contact_created(event: &HubSpotEvent) -> bool {
    event.is(ObjectType::Contact, Change::Creation)
        || event.is(ObjectType::Contact, Change::Restore)
}

fn contact_merged(event: &HubSpotEvent) -> bool {
    event.is(ObjectType::Contact, Change::Merge)
}

fn became_customer(event: &HubSpotEvent) -> bool {
    event.is(ObjectType::Contact, Change::PropertyChange)
        && event.property("lifecyclestage") == Some("customer")
}

fn contact_removed(event: &HubSpotEvent) -> bool {
    event.is(ObjectType::Contact, Change::Deletion)
        || event.is(ObjectType::Contact, Change::PrivacyDeletion)
}

/// A rule that needs to know the won stages.
fn knowing(
    won: &Arc<[String]>,
    rule: fn(&HubSpotEvent, &[String]) -> bool,
) -> impl Fn(&HubSpotEvent) -> bool + Send + Sync + use<> {
    let won = Arc::clone(won);
    move |event| rule(event, &won)
}

fn is_in(stages: &[String], stage: &str) -> bool {
    stages.iter().any(|known| known == stage)
}

#[cfg(test)]
mod tests;
