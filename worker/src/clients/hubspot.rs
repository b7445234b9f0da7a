//! HubSpot's CRM API, on behalf of one run of one handler.
//!
//! Owns the paths' versions, the request budget that all workers share, and what HubSpot means
//! by a status. It refuses to be called without a [`Run`]: the budget is the portal's, and
//! what a 404 means hangs on the event's age.

mod associations;
mod contact;
mod contacts;
mod deal;
mod id;
mod installed;
mod kept;
mod learned;
mod pipelines;
mod portal;
mod record;
mod refusal;
mod stages;
mod ui_domain;
mod version;

use std::sync::Arc;
use std::time::Duration;

use reqwest::RequestBuilder;

use super::http::{Api, Reply, Service};
use crate::credentials::Keeper;
use crate::error::HandlerError;
use crate::limits::Limit;
use crate::metrics::WorkerMetrics;
use crate::oauth::Tokens;
use crate::run::Run;

pub use contact::Presence;
pub use deal::{Deal, Version};
use installed::Installed;
use kept::Kept;
use learned::Learned;
pub(crate) use pipelines::Pipelines;
use pipelines::Stages;
use portal::Portal;
pub(crate) use refusal::SETTLED;
use refusal::Subject;

/// When the day's requests are spent, it is asked again after this: the day ends at midnight in the
/// account's time zone, which is not ours to know.
const SPENT_TODAY: Duration = Duration::from_hours(1);
/// Requests of a run, as long as none was seen: a deal, whose it is, and what is written.
const USUAL: f64 = 3.0;

/// HubSpot's API, if `HUBSPOT_ACCESS_TOKEN` or `HUBSPOT_CLIENT_ID` is set; shared by all runs.
#[derive(Debug)]
pub(crate) struct HubSpotApi {
    http: Arc<Api>,
    /// The one that `HUBSPOT_ACCESS_TOKEN` is for, if that is set.
    portal: Option<Portal>,
    /// The others, each with its own token, if they can install the app.
    installed: Option<Installed>,
    budget: u32,
    won_stages: Vec<String>,
    stages: Stages,
    ui_domains: Kept<Arc<str>>,
    learned: Learned,
}

impl HubSpotApi {
    pub(super) fn new(
        http: Api,
        portal: Option<u64>,
        budget: u32,
        won_stages: Vec<String>,
    ) -> Self {
        let http = Arc::new(http);
        let portal = Some(Portal::of(portal, &http));
        Self::with(http, portal, budget, won_stages)
    }

    /// Without a token of its own: only portals that have installed the app are let in.
    pub(super) fn of_installed(http: Api, budget: u32, won_stages: Vec<String>) -> Self {
        Self::with(Arc::new(http), None, budget, won_stages)
    }

    fn with(http: Arc<Api>, portal: Option<Portal>, budget: u32, won_stages: Vec<String>) -> Self {
        let (stages, learned) = (Stages::default(), Learned::default());
        let ui_domains = Kept::new("host of pages");
        Self { http, portal, installed: None, budget, won_stages, stages, ui_domains, learned }
    }

    /// With the tokens of the portals that have installed the app, beside its own portal's.
    pub(super) fn with_installed(
        self,
        tokens: Arc<Tokens>,
        timeout: Duration,
        keeper: Keeper,
        metrics: WorkerMetrics,
    ) -> Self {
        Self { installed: Some(Installed::new(tokens, timeout, keeper, metrics)), ..self }
    }

    /// The portal whose token is the setting's, if this is that one, as far as is known. Where others install
    /// the app the setting says which one it is.
    fn own(&self, portal_id: u64) -> Option<&Portal> {
        let portal = self.portal.as_ref()?;
        (self.installed.is_none() || portal.is(portal_id)).then_some(portal)
    }

    /// By what requests for this portal go out.
    fn through(&self, portal_id: u64) -> Arc<Api> {
        match (&self.installed, self.own(portal_id)) {
            (Some(installed), None) => installed.of(portal_id, &self.http),
            _ => Arc::clone(&self.http),
        }
    }

    pub(super) fn summary(&self) -> String {
        let tokens = match (&self.portal, &self.installed) {
            (_, None) => "",
            (Some(_), Some(_)) => ", other portals by OAuth",
            (None, Some(_)) => ", each portal by OAuth",
        };
        format!("{}, {} requests per 10 s and portal{tokens}", self.http.origin(), self.budget)
    }
}

/// HubSpot's API for one run.
#[derive(Debug)]
pub struct HubSpot<'a> {
    api: &'a HubSpotApi,
    run: &'a Run,
}

impl<'a> HubSpot<'a> {
    /// Refused for another portal than the token's, as far as that is known.
    pub(super) fn new(api: &'a HubSpotApi, run: &'a Run) -> Result<Self, HandlerError> {
        if let Some(portal) = api.own(run.portal_id()) {
            portal.check(run.portal_id())?;
        }
        Ok(Self { api, run })
    }

    /// What the portal takes, as far as that is known.
    fn limit(&self) -> Limit {
        self.api.learned.limit(&format!("hubspot/{}", self.run.portal_id()), self.api.budget)
    }

    /// Whether the token is known to be the portal's own: what it reads may go out to the portal's people then.
    pub(crate) async fn is_surely_of_the_portal(&self) -> Result<bool, HandlerError> {
        // Who has installed the app has a token of its own.
        let Some(portal) = self.api.own(self.run.portal_id()) else { return Ok(true) };
        let known = portal.check_when_known(self.run.portal_id()).await;
        self.run.waiting_elsewhere(known)?;
        Ok(!portal.is_untold())
    }

    /// Sends a request within the portal's budget; the answer is a success.
    async fn send(&self, request: RequestBuilder, subject: Subject) -> Result<Reply, HandlerError> {
        self.accept(self.ask(request).await?, subject)
    }

    /// Sends a request within the portal's budget; the answer is of any status but those that ask to be
    /// left alone.
    async fn ask(&self, request: RequestBuilder) -> Result<Reply, HandlerError> {
        let portal_id = self.run.portal_id();
        let http = self.api.through(portal_id);
        // Else a pause would use up the portal's budget.
        self.run.waiting_elsewhere(http.credential().ready().await)?;
        if let Some(portal) = self.api.own(portal_id) {
            let known = portal.check_when_known(portal_id).await;
            self.run.waiting_elsewhere(known)?;
        }
        let limit = self.limit();
        let what = "the portal's requests are spent (HUBSPOT_BUDGET)";
        self.run.room(&limit, USUAL, "HUBSPOT_BUDGET", what).await?;
        let is_down = |reply: &Reply| reply.status.is_server_error();
        let sending = http.send_for(portal_id, request);
        let reply = self.run.call(Service::HubSpot, &limit.key, sending, is_down).await?;
        self.api.learned.note(&limit.key, reply.rate.burst);
        if reply.rate.left_today == Some(0) && reply.status.is_success() {
            // For the next ones; this one was answered.
            self.run.leave_alone(&limit, SPENT_TODAY, "HUBSPOT_DAILY").await;
        }
        // No room rather than a failure: other programs with the same token count too.
        match refusal::wait(&reply) {
            Some(wait) => Err(self.run.held(&limit, wait, reply.code(), reply.message()).await),
            None => Ok(reply),
        }
    }

    /// What is known of the portal, or the error with which the run waits for it.
    fn told<T>(&self, told: Result<T, HandlerError>) -> Result<T, HandlerError> {
        match told {
            Err(error) if error.code == kept::ASKED => self.run.waiting_elsewhere(Err(error)),
            told => told,
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

#[cfg(test)]
mod tests;
