//! Forwarding: an event goes out to a tenant's destination, as a route says.
//!
//! Owns what a route's run does: whose event it is, whether it may go now, what goes out, and what the answer
//! means for it. Refuses to read files and settings, and to decide between ack, retry and dead letter.

mod account;
mod answers;
mod batch;
mod choice;
mod computing;
mod endpoint;
mod form;
mod gathering;
mod member;
mod order;
mod outgoing;
mod outlet;
mod parcel;
mod party;
mod ready;
mod refusal;
mod sent;
mod sink;

use std::sync::Arc;

use shared::clock::now_ms;
use shared::event::Event;

use crate::clients::destinations::Destinations;
use crate::context::Context;
use crate::destination::Meaning;
use crate::error::HandlerError;
use crate::limits::Limit;
use crate::order::Terms;
use crate::service::Service;
use crate::target::HandlerResult;
use crate::tenants::State;
use batch::Way;

pub use choice::{Body, Choice};
pub(crate) use order::record;
pub(crate) use outlet::{OpenSecret, Outlet, ReadSecret};
pub(crate) use parcel::Parcel;
pub(crate) use party::{Everybody, Party, Whose};
pub(crate) use ready::Ready;
pub(crate) use refusal::Refusal;
pub(crate) use sent::Sent;
pub(crate) use sink::Sink;

/// A route as it is run.
#[derive(Debug)]
pub(crate) struct Forward {
    /// The route's name: part of what names each delivery.
    pub(crate) route: Arc<str>,
    pub(crate) whose: Whose,
    pub(crate) choice: Choice,
    pub(crate) outlet: Arc<Outlet>,
    /// Of what is paused on this route alone.
    pub(crate) limit: Limit,
    pub(crate) is_paused: bool,
    /// Where a record's events go one after the other.
    pub(crate) order: Option<Terms>,
    pub(crate) destinations: Arc<Destinations>,
}

impl Forward {
    /// Whether the event may go this way.
    pub(crate) fn wants(&self, event: &Event) -> bool {
        self.whose.party(&event.origin).is_some() && self.choice.may_want(event)
    }

    /// Sends the event, if it may go now.
    pub(crate) async fn run(&self, cx: &Context, event: &Event) -> HandlerResult {
        // A message that names its route may be older than the file: nobody gets what is another's.
        let Some(party) = self.whose.party(cx.origin()) else {
            return Err(self.whose.end_without(cx.origin()));
        };
        let outlet = &self.outlet;
        let why = match party.state {
            State::Active => None,
            State::Paused => Some(("TENANT_PAUSED", "the tenant is paused")),
            State::Uninstalled { since_ms } => {
                let what = "the tenant has uninstalled the app";
                if since_ms.saturating_add(party.kept_ms) <= now_ms() {
                    return Err(HandlerError::skipped("TENANT_UNINSTALLED", what));
                }
                Some(("TENANT_UNINSTALLED", what))
            }
        };
        // Before all that holds it: who waits for that keeps its place.
        if let Some(terms) = self.order {
            let is_held = why.is_some() || self.is_paused || outlet.is_paused;
            let in_order = order::in_order(cx, &self.route, terms, event).await;
            // Whoever is behind one that is held waits for the same.
            in_order.map_err(|error| if is_held { error.pausing() } else { error })?;
        }
        if let Some((code, why)) = why {
            return Err(cx.paused(&party.limit, code, why).await);
        }
        if self.is_paused {
            return Err(cx.paused(&self.limit, "ROUTE_PAUSED", "the route is paused").await);
        }
        if outlet.is_paused {
            let what = "the destination is paused";
            return Err(cx.paused(&outlet.limit, "DESTINATION_PAUSED", what).await);
        }
        if outlet.is_unusable {
            let what = "the destination cannot be used as the file has it: the log says why";
            let error = cx.paused(&outlet.limit, "DESTINATION_UNUSABLE", what).await;
            // Nobody has said that it is to wait.
            return Err(HandlerError { is_pause: false, ..error });
        }
        // What it may want is known at once of most events, and asked here of all: the filter may be another one since.
        if !self.choice.wants(Some(cx), event, &party.computing).await? {
            return Err(dropped());
        }
        let look = async || {
            let there = (&*outlet.limit.key, outlet.concurrency);
            let beside = (&*party.limit.key, party.concurrency);
            cx.look(Service::Destination, there, beside).await
        };
        // Those of a batch are turned away together, by the one that speaks for them. Where HubSpot's limit is spent
        // for the body, that one is made for nobody who cannot be sent.
        let (is_alone, asks) = (outlet.gathering().is_none(), self.choice.asks_hubspot());
        if is_alone && asks {
            look().await?;
        }
        let Some(body) = self.choice.body(cx, event, &party.computing).await? else {
            return Err(dropped());
        };
        if is_alone && !asks {
            look().await?;
        }
        self.room(cx, party).await?;
        if let Some((endpoint, batching)) = outlet.gathering() {
            let way = Way {
                destinations: Arc::clone(&self.destinations),
                outlet: Arc::clone(outlet),
                endpoint: Arc::clone(endpoint),
                party: Arc::clone(party),
            };
            let id = Parcel::of(&self.route, event, body.clone()).name().to_owned();
            let mut told = Box::pin(way.send(batching, cx, id, body)).await?;
            if told.events > 1 {
                // It may quote others, whose erasure would not find it here: neither in the error.
                told.answered.beginning.clear();
            }
            let sent = Sent::of_endpoint(&outlet.name, &told.answered, &endpoint.overrides);
            return self.ended(cx, sent, told.is_known, told.is_of_all).await;
        }
        let sending = async {
            let parcel = Parcel::of(&self.route, event, body);
            // Boxed: futures within futures are as large as all of them.
            Box::pin(outlet.send(&self.destinations, &parcel)).await
        };
        let is_down = |sent: &Sent| sent.is_down;
        let calling = cx.call_within(
            Service::Destination,
            &outlet.limit.key,
            outlet.concurrency,
            sending,
            is_down,
        );
        // Not cut off in the middle: what has gone out would go out again.
        let sent = cx.see_through(cx.beside(&party.limit.key, party.concurrency, calling)).await?;
        self.ended(cx, sent, false, true).await
    }

    /// Room at both limits. What the first gives is lost if the second has none: so the second is the one
    /// of which others have a part, unless it is the one that has none these days: many ask there in vain, and
    /// nowhere else.
    async fn room(&self, cx: &Context, party: &Party) -> HandlerResult {
        let tenants = || cx.room(&party.limit, 1.0, "TENANT_RATE", "the tenant's rate is used up");
        let what = "the destination's rate is used up, or it wants to be left alone";
        let destinations = || cx.room(&self.outlet.limit, 1.0, "DESTINATION_RATE", what);
        let [of_tenant, of_destination] =
            [&party.limit, &self.outlet.limit].map(|limit| cx.is_full_lately(limit));
        let is_tenants_first =
            if of_tenant == of_destination { self.outlet.limit.is_shared } else { of_tenant };
        if is_tenants_first {
            tenants().await?;
            destinations().await
        } else {
            destinations().await?;
            tenants().await
        }
    }

    /// What the answer means; others may know already that the destination wants to be left alone. Of a single event
    /// among others nothing follows for the rest: its record may be what is gone.
    async fn ended(
        &self,
        cx: &Context,
        sent: Sent,
        is_known: bool,
        is_of_all: bool,
    ) -> HandlerResult {
        let Sent { meaning, code, message, beginning, .. } = sent;
        let (limit, code) = (&self.outlet.limit, code);
        let error = match meaning {
            Meaning::Done => return Ok(()),
            Meaning::Transient { retry_after: None } => HandlerError::transient(code, message),
            Meaning::Transient { retry_after: Some(wait) } => {
                HandlerError::retry_after(wait, code, message)
            }
            Meaning::Permanent => HandlerError::permanent(code, message),
            Meaning::Gone if !is_of_all => HandlerError::permanent(code, message),
            meaning @ (Meaning::Held { .. } | Meaning::Gone) => {
                let wait = match meaning {
                    Meaning::Held { wait } => wait,
                    _ => self.outlet.refused(cx, is_known).await,
                };
                let code = code.into_owned();
                if is_known {
                    cx.held_too(limit, wait, code, message)
                } else {
                    cx.held(limit, wait, code, message).await
                }
            }
        };
        Err(error.answered(&beginning))
    }
}

fn dropped() -> HandlerError {
    HandlerError::skipped("ROUTE_DROPS", "the route's filter or template drops it")
}
