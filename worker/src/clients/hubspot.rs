//! HubSpot's CRM API, on behalf of one run of one handler.
//!
//! Owns the paths' versions, the request budget that all workers share, and what HubSpot means
//! by a status. It refuses to be called without a [`Context`]: the budget is the portal's, and
//! what a 404 means hangs on the event's age.

mod associations;
mod contact;
mod contacts;
mod deal;
mod refusal;
mod stages;

use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::RequestBuilder;

use super::http::{Api, Reply};
use crate::context::Context;
use crate::error::HandlerError;
use crate::ledger::Budget;

pub use contact::Presence;
pub use deal::{Deal, Version};
pub(crate) use refusal::SETTLED;
use refusal::Subject;
use stages::Labels;

/// How often a run under way waits for room before it is put off after all.
const MOST_WAITS: u32 = 3;
/// The longest of these waits; all of them fit into a handler's usual time.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The versions of HubSpot's paths. v1 to v3 lose support in September 2027 and v4 in March
/// 2027; date-versioned paths (`crm/objects/2026-09`) take their place.
mod version {
    /// Records: read, write in batches.
    pub(super) const OBJECTS: [&str; 3] = ["crm", "v3", "objects"];
    /// Associations between records.
    pub(super) const ASSOCIATIONS: [&str; 3] = ["crm", "v4", "objects"];
    /// Pipelines and their stages.
    pub(super) const PIPELINES: [&str; 3] = ["crm", "v3", "pipelines"];
}

/// HubSpot's API, if `HUBSPOT_ACCESS_TOKEN` is set; shared by all runs.
#[derive(Debug)]
pub(crate) struct HubSpotApi {
    http: Api,
    budget: u32,
    won_stages: Vec<String>,
    labels: Labels,
}

impl HubSpotApi {
    pub(super) fn new(http: Api, budget: u32, won_stages: Vec<String>) -> Self {
        Self { http, budget, won_stages, labels: Labels::default() }
    }

    pub(super) fn summary(&self) -> String {
        format!("{}, {} requests per 10 s and portal", self.http.origin(), self.budget)
    }
}

/// HubSpot's API for one run.
#[derive(Debug)]
pub struct HubSpot<'a> {
    api: &'a HubSpotApi,
    cx: &'a Context,
}

impl<'a> HubSpot<'a> {
    pub(super) fn new(api: &'a HubSpotApi, cx: &'a Context) -> Self {
        Self { api, cx }
    }

    /// Whether the deal is won now: it stands in one of `WON_STAGES`, or HubSpot itself says so
    /// (`hs_is_closed_won`). Both properties must have been read.
    pub fn is_won(&self, deal: &Deal) -> bool {
        deal.is_won(&self.api.won_stages)
    }

    /// Since when the deal is won, in ms since the Unix epoch: which closing of it this is. Both
    /// properties must have been read with their history; `None` if that does not say.
    pub fn won_since(&self, deal: &Deal) -> Option<i64> {
        deal.won_since(&self.api.won_stages)
    }

    /// Room for one more request. A run's first request may take half of the budget only and
    /// is put off when that is spent; the other half is for runs under way, which wait a while:
    /// put off, they would ask everything again, and under load none would get to its end.
    async fn take_budget(&self) -> Result<(), HandlerError> {
        let (cx, all) = (self.cx, self.api.budget);
        let first = !cx.has_asked.swap(true, Ordering::Relaxed);
        let limit = if first { all.div_ceil(2) } else { all };
        let mut waits = if first { 0 } else { MOST_WAITS };
        loop {
            let wait = match cx.ledger.budget(cx.portal_id, limit).await {
                Budget::Granted => return Ok(()),
                Budget::Spent(wait) => wait,
            };
            if waits == 0 {
                let message = format!("the portal's {all} requests per 10 s are spent");
                return Err(HandlerError::deferred(wait, "HUBSPOT_BUDGET", message));
            }
            waits -= 1;
            tokio::time::sleep(wait.min(LONGEST_WAIT)).await;
        }
    }

    /// Sends a request within the portal's budget; the answer is a success.
    async fn send(&self, request: RequestBuilder, subject: Subject) -> Result<Reply, HandlerError> {
        self.accept(self.ask(request).await?, subject)
    }

    /// Sends a request within the portal's budget; the answer is of any status.
    async fn ask(&self, request: RequestBuilder) -> Result<Reply, HandlerError> {
        self.take_budget().await?;
        self.api.http.send(request).await
    }

    /// The answer if it is a success.
    fn accept(&self, reply: Reply, subject: Subject) -> Result<Reply, HandlerError> {
        if reply.status.is_success() {
            Ok(reply)
        } else {
            Err(refusal::of(&reply, subject, self.cx.since_change()))
        }
    }
}

/// An id as HubSpot writes it: in one place a number, in another a string of digits.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Id {
    Number(u64),
    Text(String),
}

impl Id {
    fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}
