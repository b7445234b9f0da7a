//! Events of one tenant for one destination go out in one request.
//!
//! Owns what the request means for each of them: each keeps its own run and claim, and is told what became of
//! it as if it had gone out alone. The request is a task of its own, so that no run that is cut off takes the
//! others with it, and each that is in it is waited for. Refuses to give up all for one: a batch that is refused
//! as a whole is taken apart, each time into tenths, until it is one event that is refused.

use std::sync::Arc;
use std::time::Duration;

use serde::de::IgnoredAny;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::answers::of_each;
use super::choice::Body;
use super::endpoint::{Batching, Endpoint};
use super::gathering::Joining;
use super::member::{Kind, Member, Told};
use super::outgoing::batch;
use super::outlet::Outlet;
use super::party::Party;
use crate::clients::destinations::{Answered, Destinations};
use crate::context::Context;
use crate::destination::Meaning;
use crate::error::HandlerError;
use crate::run::Elsewhere;
use crate::service::Service;

/// Among a run's steps: how many events there may be in its batch.
const AT_MOST: &str = "batch/at-most";
/// Into so many parts is taken apart what is refused as a whole: 1000 events are single ones after three times.
const PARTS: usize = 10;

/// Where the events of a batch go.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) destinations: Arc<Destinations>,
    pub(crate) outlet: Arc<Outlet>,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) party: Arc<Party>,
}

impl Way {
    /// Sends the event, whose delivery is called so, in the next batch: what it was answered.
    pub(crate) async fn send(
        self,
        batching: &Batching,
        cx: &Context,
        id: String,
        body: Body,
    ) -> Result<Told, HandlerError> {
        let body = body.bytes;
        if !is_json(&body) {
            // All others in the batch would be none either.
            return Err(HandlerError::permanent("UNREADABLE", "the body for a batch is no JSON"));
        }
        let most = usize::from(batching.batch.events).min(cx.noted(AT_MOST).unwrap_or(usize::MAX));
        let (origin, is_bulk) = (cx.origin().clone(), cx.is_bulk());
        let kind = Kind { origin, is_bulk, most };
        // What the request may take is left of each run's time.
        let left = cx.time_left().saturating_sub(self.outlet.timeouts.whole);
        let until = Instant::now() + batching.batch.wait.min(left);
        let (tell, told) = oneshot::channel();
        let member = Member { cx: cx.clone(), id, body, tell };
        let size = member.part().size();
        let joining = Joining { member, size, most, until };
        let (way, span) = (self.clone(), shared::trace::Span::current());
        batching.gathering.join(&kind, joining, move |members| span.around(way.go(members)));
        let Ok(told) = told.await else {
            // Or the run's own time is up, which says more.
            return Err(HandlerError::transient("BATCH_LOST", "its batch came to no end"));
        };
        self.taken_apart(cx, told?)
    }

    /// What a batch was refused as a whole may be for one of its events alone.
    fn taken_apart(&self, cx: &Context, told: Told) -> Result<Told, HandlerError> {
        let answer = told.answered.answer;
        let is_final = answer.meaning(&self.endpoint.overrides) == Meaning::Permanent;
        if !is_final || told.events == 1 || is_of_the_address(answer.status) {
            return Ok(told);
        }
        cx.note(AT_MOST, told.events.div_ceil(PARTS))?;
        let (name, status, events) = (&self.outlet.name, answer.status, told.events);
        let message = format!("{name} answered {status} to {events} events at once");
        let code = Service::Destination.code("BATCH");
        // No attempt is spent: nobody knows yet whose fault it is.
        cx.waiting_elsewhere(Err(HandlerError::deferred(Duration::ZERO, code, message)))
    }

    /// Sends what has gathered and tells each what became of it.
    async fn go(self, members: Vec<Member>) {
        // Who is gone is left out, and from here on the others are not cut off.
        let stays = |member: Member| Some((member.cx.time.elsewhere()?, member));
        let here = members.into_iter().filter(|member| !member.tell.is_closed());
        let (under_way, members): (Vec<Elsewhere>, Vec<Member>) = here.filter_map(stays).unzip();
        // It speaks for all, at the gates too.
        let Some(speaker) = members.iter().max_by_key(|member| member.cx.time_left()) else {
            return;
        };
        let (cx, Self { destinations, outlet, endpoint, party }) = (&speaker.cx, &self);
        let sending = async {
            destinations.batch_of(members.len());
            let parts: Vec<_> = members.iter().map(Member::part).collect();
            // Boxed: futures within futures are as large as all of them.
            Box::pin(destinations.send(batch(endpoint, outlet.timeouts, &parts))).await
        };
        let is_down = |answered: &Answered| answered.answer.is_down();
        let (key, cap) = (&outlet.limit.key, outlet.concurrency);
        let calling = cx.call_within(Service::Destination, key, cap, sending, is_down);
        let answered = cx.beside(&party.limit.key, party.concurrency, calling).await;
        match answered
            .and_then(|answered| of_each(&outlet.name, endpoint, &answered, members.len()))
        {
            Ok(each) => {
                for (member, told) in members.into_iter().zip(each) {
                    let _ = member.tell.send(Ok(told));
                }
            }
            Err(error) => {
                let is_tenants = error.code == "TENANT_BUSY";
                let gate = if is_tenants { &party.limit.key } else { &outlet.limit.key };
                for member in members {
                    member.cx.turned_too(gate, &error);
                    let _ = member.tell.send(Err(error.clone()));
                }
            }
        }
        // Only now: each has been told.
        drop(under_way);
    }
}

/// What speaks of the address, of who calls or how, and of none of the events.
fn is_of_the_address(status: u16) -> bool {
    status < 400 || status == 401 || status == 405
}

fn is_json(body: &[u8]) -> bool {
    // Only as text: what is skipped is not looked at for what is no UTF-8.
    std::str::from_utf8(body).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_body_that_is_no_json_does_not_spoil_a_batch() {
        for json in ["{}", "[1, 2]", "null", "\"a\"", " {\"a\": {\"b\": 1e3}}\n"] {
            assert!(is_json(json.as_bytes()), "{json}");
        }
        for other in [&b""[..], b"{", b"{} {}", b"{},{}", b"a=1", b"{\"a\":\"\xff\"}", b"\"\xc3(\""]
        {
            assert!(!is_json(other), "{other:?}");
        }
    }

    #[test]
    fn a_refusal_of_all_is_looked_into_unless_it_speaks_of_none_of_them() {
        for status in [400, 403, 404, 409, 413, 422, 429, 503] {
            assert!(!is_of_the_address(status), "{status}");
        }
        for status in [101, 301, 302, 308, 401, 405] {
            assert!(is_of_the_address(status), "{status}");
        }
    }
}
