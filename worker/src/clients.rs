//! The systems that handlers talk to, made once from the settings.
//!
//! Owns which of them are on. A client knows its system's addresses, bodies and failures; it
//! refuses to know why it is called, and it keeps nothing that must survive the process.

pub(crate) mod databases;
pub(crate) mod destinations;
pub mod erp;
mod http;
pub mod hubspot;
pub mod money;
pub mod onboarding;
pub mod slack;

use std::sync::Arc;

use reqwest::Url;
use tokio_util::task::AbortOnDropHandle;

use crate::credentials::{self, Credential, Keeper};
use crate::error::HandlerError;
use crate::metrics::WorkerMetrics;
use crate::oauth::Tokens;
use crate::run::Run;
use crate::settings::access::Access;
use crate::settings::integrations::IntegrationSettings;
use erp::Erp;
use http::Api;
pub(crate) use http::Service;
use hubspot::{HubSpot, HubSpotApi};
use onboarding::Onboarding;
use slack::Slack;

/// Every client; `None` is an integration that is off.
#[derive(Debug)]
pub struct Clients {
    hubspot: Option<HubSpotApi>,
    slack: Option<Slack>,
    erp: Option<Erp>,
    onboarding: Option<Onboarding>,
    _watching: Option<AbortOnDropHandle<()>>,
}

impl Clients {
    /// Clients for what the settings turn on; `keeper` keeps the pauses of tokens, and `tokens` are those of
    /// the portals that have installed the app, if any can. Calls nobody but HubSpot, if that has to say which
    /// portal its token is for.
    pub(crate) fn new(
        settings: &IntegrationSettings,
        keeper: &Keeper,
        metrics: &WorkerMetrics,
        tokens: Option<Arc<Tokens>>,
    ) -> anyhow::Result<Self> {
        let timeout = settings.api_timeout;
        let api = |service, url: Url, secret| {
            let (keeper, metrics) = (keeper.clone(), metrics.clone());
            let credential =
                Credential::new(service, &url, secret, timeout, keeper, metrics.clone())?;
            Api::new(service, url, credential, timeout, metrics)
        };
        let open = |service, access: Access| api(service, access.url, Some(access.secret));
        let hubspot =
            settings.hubspot()?.map(|access| open(Service::HubSpot, access)).transpose()?;
        let slack = settings.slack()?.map(|access| open(Service::Slack, access)).transpose()?;
        let erp = settings.erp()?.map(|access| open(Service::Erp, access)).transpose()?;
        let onboarding =
            settings.onboarding()?.map(|url| api(Service::Onboarding, url, None)).transpose()?;
        let (portal, budget) = (settings.hubspot_portal_id, settings.hubspot_budget);
        let on = [&hubspot, &slack, &erp, &onboarding].into_iter().flatten();
        let credentials = on.map(|api| Arc::clone(api.credential())).collect();
        let hubspot =
            hubspot.map(|api| HubSpotApi::new(api, portal, budget, settings.won_stages()));
        let hubspot = match (hubspot, tokens) {
            (hubspot, None) => hubspot,
            (hubspot, Some(tokens)) => {
                let hubspot = match hubspot {
                    Some(hubspot) => hubspot,
                    None => HubSpotApi::of_installed(
                        api(Service::HubSpot, settings.hubspot_url()?, None)?,
                        budget,
                        settings.won_stages(),
                    ),
                };
                Some(hubspot.with_installed(tokens, timeout, keeper.clone(), metrics.clone()))
            }
        };
        Ok(Self {
            _watching: credentials::watch(credentials),
            hubspot,
            slack: slack.map(|api| Slack::new(api, settings.channel(), settings.slack_pace)),
            erp: erp.map(Erp::new),
            onboarding: onboarding.map(Onboarding::new),
        })
    }

    /// HubSpot's API, on behalf of `run`. Handlers that have something to do, and cannot
    /// without it, fail for good if it is off: their events then wait among the dead letters.
    pub fn hubspot<'a>(&'a self, run: &'a Run) -> Result<HubSpot<'a>, HandlerError> {
        match &self.hubspot {
            Some(api) => HubSpot::new(api, run),
            None => Err(HandlerError::permanent(
                "HUBSPOT_NOT_CONFIGURED",
                "HUBSPOT_ACCESS_TOKEN is not set, nor HUBSPOT_CLIENT_ID: the event waits among the dead letters",
            )),
        }
    }

    /// Whether HubSpot's API is on.
    pub fn has_hubspot(&self) -> bool {
        self.hubspot.is_some()
    }

    /// Slack, if it is on.
    pub fn slack(&self) -> Option<&Slack> {
        self.slack.as_ref()
    }

    /// Slack, for a handler that has nothing to do without it.
    pub fn needed_slack(&self) -> Result<&Slack, HandlerError> {
        self.slack().ok_or_else(|| off(Service::Slack, "SLACK_BOT_TOKEN is not set"))
    }

    /// The ERP, if it is on.
    pub fn erp(&self) -> Option<&Erp> {
        self.erp.as_ref()
    }

    /// The ERP, for a handler that has nothing to do without it.
    pub fn needed_erp(&self) -> Result<&Erp, HandlerError> {
        self.erp().ok_or_else(|| off(Service::Erp, "ERP_URL is not set"))
    }

    /// The onboarding, if it is on.
    pub fn onboarding(&self) -> Option<&Onboarding> {
        self.onboarding.as_ref()
    }

    /// The onboarding, for a handler that has nothing to do without it.
    pub fn needed_onboarding(&self) -> Result<&Onboarding, HandlerError> {
        self.onboarding().ok_or_else(|| off(Service::Onboarding, "ONBOARDING_URL is not set"))
    }

    /// One line for each integration: on and where, or off, why, and what is skipped for it.
    pub fn summary(&self) -> Vec<String> {
        let line = |name: &str, on: Option<String>, off: &str| match on {
            Some(what) => format!("{name}: on, {what}"),
            None => format!("{name}: off, {off}"),
        };
        vec![
            line(
                "HubSpot",
                self.hubspot.as_ref().map(HubSpotApi::summary),
                "HUBSPOT_ACCESS_TOKEN is not set: deals that need more than their event go to the dead letters",
            ),
            line(
                "Slack",
                self.slack.as_ref().map(Slack::summary),
                "SLACK_BOT_TOKEN is not set: messages are skipped",
            ),
            line(
                "ERP",
                self.erp.as_ref().map(Erp::summary),
                "ERP_URL is not set: orders and customers are skipped",
            ),
            line(
                "onboarding",
                self.onboarding.as_ref().map(Onboarding::summary),
                "ONBOARDING_URL is not set: onboarding is skipped",
            ),
        ]
    }
}

/// The end of a handler that has nothing to do while `service` is off.
pub(crate) fn off(service: Service, why: &'static str) -> HandlerError {
    HandlerError::skipped(service.code("NOT_CONFIGURED"), why)
}

#[cfg(test)]
mod tests;
