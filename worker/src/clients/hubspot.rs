//! HubSpot's CRM API, on behalf of one run of one handler.
//!
//! Owns the paths' versions, the request budget that all workers share, and what HubSpot means
//! by a status. It refuses to be called without a [`Run`]: the budget is the portal's, and
//! what a 404 means hangs on the event's age.

mod associations;
mod contact;
mod contacts;
mod deal;
mod refusal;
mod stages;

use std::time::Duration;

use reqwest::RequestBuilder;

use super::http::{Api, Reply};
use crate::error::HandlerError;
use crate::limits::Limit;
use crate::run::Run;

pub use contact::Presence;
pub use deal::{Deal, Version};
pub(crate) use refusal::SETTLED;
use refusal::Subject;
use stages::Labels;

/// Requests are counted for so long (HubSpot's usage guidelines: a burst is counted over ten seconds); a
/// little longer here, since what is sent later can arrive earlier.
const WINDOW: Duration = Duration::from_millis(10_200);
/// Requests of a run, as long as none was seen: a deal, whose it is, and what is written.
const USUAL: f64 = 3.0;

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
    run: &'a Run,
}

impl<'a> HubSpot<'a> {
    pub(super) fn new(api: &'a HubSpotApi, run: &'a Run) -> Self {
        Self { api, run }
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

    /// What the portal takes.
    fn limit(&self) -> Limit {
        let portal = format_args!("hubspot/{}", self.run.portal_id());
        Limit::of(self.api.budget, WINDOW, portal)
    }

    /// Sends a request within the portal's budget; the answer is a success.
    async fn send(&self, request: RequestBuilder, subject: Subject) -> Result<Reply, HandlerError> {
        self.accept(self.ask(request).await?, subject)
    }

    /// Sends a request within the portal's budget; the answer is of any status but those that ask to be
    /// left alone.
    async fn ask(&self, request: RequestBuilder) -> Result<Reply, HandlerError> {
        let limit = self.limit();
        let what = "the portal's requests are spent (HUBSPOT_BUDGET)";
        self.run.room(&limit, USUAL, "HUBSPOT_BUDGET", what).await?;
        let reply = self.api.http.send(request).await?;
        // No room rather than a failure: other programs with the same token count too.
        match refusal::wait(&reply) {
            Some(wait) => Err(self.run.held(&limit, wait, reply.code(), reply.message()).await),
            None => Ok(reply),
        }
    }

    /// The answer if it is a success.
    fn accept(&self, reply: Reply, subject: Subject) -> Result<Reply, HandlerError> {
        if reply.status.is_success() {
            Ok(reply)
        } else {
            Err(refusal::of(&reply, subject, self.run.since_change()))
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
