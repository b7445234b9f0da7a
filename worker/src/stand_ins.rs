//! Local stand-ins for HubSpot's API, Slack, the ERP, the onboarding and tenants' destinations: one small
//! HTTP server that answers as they do, remembers what it was asked, and fails on request.
//!
//! The demo runs against it, and so do tests. It refuses to be a model of those systems: it
//! knows the calls that handlers make and answers everything else with 404.

mod account;
mod deal;
mod erp;
mod exchange;
mod fault;
mod hubspot;
mod kept;
mod oauth;
mod server;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;

use crate::settings::SlackSettings;
use crate::settings::integrations::IntegrationSettings;

pub use fault::Fault;
pub use state::Call;
use state::State;

/// The running stand-ins; they stop when this is dropped.
pub struct StandIns {
    state: Arc<State>,
    address: SocketAddr,
    server: ServerHandle,
}

impl StandIns {
    /// Starts them on a free port of the loopback interface.
    #[expect(clippy::unused_async, reason = "says that it must be called on a runtime")]
    pub async fn start() -> anyhow::Result<Self> {
        let state = Arc::new(State::default());
        let (server, address) = server::serve(Arc::clone(&state))?;
        Ok(Self { state, address, server })
    }

    /// The address of one of them: `http://127.0.0.1:41234/erp`.
    pub fn url(&self, api: &str) -> String {
        format!("http://{}/{api}", self.address)
    }

    /// Where all of them are: `127.0.0.1:41234`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Settings that point at them, with every integration on.
    pub fn settings(&self) -> IntegrationSettings {
        let secret = |text: &str| Some(SecretString::from(text.to_owned()));
        IntegrationSettings {
            hubspot_api_url: self.url("hubspot"),
            hubspot_access_token: secret("pat-stand-in"),
            slack: SlackSettings {
                slack_api_url: self.url("slack"),
                slack_bot_token: secret("xoxb-stand-in"),
                ..SlackSettings::default()
            },
            slack_pace: Duration::ZERO,
            erp_url: Some(self.url("erp")),
            erp_api_key: secret("erp-stand-in"),
            onboarding_url: Some(self.url("onboarding")),
            ..IntegrationSettings::default()
        }
    }

    /// The portal that HubSpot's token is for. Until it is set the token may not ask for it (403).
    pub fn set_portal(&self, id: u64) {
        self.state.records().portal = Some(id);
    }

    /// Where the portal's pages are, `app.hubspot.com` until it is set.
    pub fn set_ui_domain(&self, host: &str) {
        self.state.records().ui_domain = Some(host.to_owned());
    }

    /// From now on this stand-in takes no other token; until then it takes any.
    pub fn take_only(&self, api: &str, token: &str) {
        self.state.records().tokens.insert(api.to_owned(), token.to_owned());
    }

    /// The app that HubSpot knows, and takes no other for; until then it takes any.
    pub fn register_app(&self, client_id: &str, client_secret: &str) {
        let app = (client_id.to_owned(), client_secret.to_owned());
        self.state.records().oauth.app = Some(app);
    }

    /// A person of this portal lets the app be installed: the code that the browser comes back with.
    pub fn consent(&self, portal: u64, scopes: &[&str]) -> String {
        self.state.records().oauth.consent(portal, scopes)
    }

    /// The portal uninstalls the app: none of its tokens is taken any more.
    pub fn revoke(&self, portal: u64) {
        self.state.records().oauth.revoke(portal);
    }

    /// The portal's access tokens are over, before their time.
    pub fn expire_access(&self, portal: u64) {
        self.state.records().oauth.expire(portal);
    }

    /// From now on each refresh is answered with another refresh token. Those before stay good.
    pub fn rotate_refresh_tokens(&self) {
        self.state.records().oauth.rotates = true;
    }

    /// How long access tokens last that are given from now on.
    pub fn set_token_life(&self, life: Duration) {
        self.state.records().oauth.life_s = Some(life.as_secs());
    }

    /// The refresh tokens that are taken.
    pub fn refresh_tokens(&self) -> BTreeSet<String> {
        self.state.records().oauth.refresh_tokens()
    }

    /// How many refreshes were answered with a token.
    pub fn refreshes(&self) -> u64 {
        self.state.records().oauth.refreshes
    }

    /// Creates a deal, or changes it, and the contacts it has. What changes goes into its history,
    /// as of now.
    pub fn put_deal(&self, id: u64, properties: &[(&str, &str)], contact_ids: &[u64]) {
        self.put_deal_at(id, properties, contact_ids, shared::clock::now_ms());
    }

    /// The same, as of some other time in ms since the Unix epoch.
    pub fn put_deal_at(
        &self,
        id: u64,
        properties: &[(&str, &str)],
        contact_ids: &[u64],
        at_ms: i64,
    ) {
        let mut records = self.state.records();
        records.contacts.extend(contact_ids.iter().map(|id| (*id, BTreeMap::new())));
        records.deals.entry(id).or_default().change(properties, contact_ids, at_ms);
    }

    /// Deletes a deal.
    pub fn delete_deal(&self, id: u64) {
        self.state.records().deals.remove(&id);
    }

    /// Creates a contact.
    pub fn put_contact(&self, id: u64) {
        self.state.records().contacts.entry(id).or_default();
    }

    /// Deletes a contact.
    pub fn delete_contact(&self, id: u64) {
        self.state.records().contacts.remove(&id);
    }

    /// Merges a contact into another, which is read under both ids from now on.
    pub fn merge_contact(&self, id: u64, into: u64) {
        let mut records = self.state.records();
        records.contacts.remove(&id);
        records.contacts.entry(into).or_default();
        records.merged.insert(id, into);
    }

    /// A property of a contact, as it was last written.
    pub fn contact_property(&self, id: u64, name: &str) -> Option<String> {
        self.state.records().contacts.get(&id)?.get(name).cloned()
    }

    /// Gives a deal stage a label.
    pub fn put_stage(&self, id: &str, label: &str) {
        self.state.records().stages.insert(id.to_owned(), label.to_owned());
    }

    /// The same of a ticket's stage.
    pub fn put_ticket_stage(&self, id: &str, label: &str) {
        self.state.records().ticket_stages.insert(id.to_owned(), label.to_owned());
    }

    /// From now on batches that update this contact fail for it, with this category in a 207:
    /// `VALIDATION_ERROR`, `RATE_LIMITS`, … `None` lets it be updated again.
    pub fn refuse_contact(&self, id: u64, category: Option<&str>) {
        let refused = &mut self.state.records().refused_contacts;
        match category {
            Some(category) => drop(refused.insert(id, category.to_owned())),
            None => drop(refused.remove(&id)),
        }
    }

    /// From now on every batch with this contact is refused as a whole, with a 400.
    pub fn refuse_batches_with(&self, id: u64) {
        self.state.records().spoiling.insert(id);
    }

    /// The largest page of associations, 500 until it is set.
    pub fn set_page_size(&self, size: usize) {
        self.state.records().page_size = Some(size.max(1));
    }

    /// Scripts a failure. Of several that fit a call, the one scripted first is used up first.
    pub fn fail(&self, fault: Fault) {
        self.state.records().faults.push(fault);
    }

    /// Ends all scripted failures.
    pub fn heal(&self) {
        self.state.records().faults.clear();
    }

    /// Ends the scripted failures of one of them.
    pub fn heal_one(&self, api: &str) {
        self.state.records().faults.retain(|fault| !fault.is_of(api));
    }

    /// The ERP's orders, one for each idempotency key.
    pub fn orders(&self) -> Vec<Value> {
        self.state.records().orders.values().cloned().collect()
    }

    /// The ERP's customers by contact id.
    pub fn customers(&self) -> BTreeSet<String> {
        self.state.records().customers.keys().cloned().collect()
    }

    /// How often HubSpot was asked which portal its token is for. These are none of the calls.
    pub fn portal_asked(&self) -> usize {
        self.state.records().portal_asked
    }

    /// Every call that is remembered, failed ones too.
    pub fn calls(&self) -> Vec<Call> {
        self.state.records().calls.iter().cloned().collect()
    }

    /// Those after the first `told`, as far as they are remembered, and how many there have been in all.
    pub fn calls_after(&self, told: u64) -> (Vec<Call>, u64) {
        let records = self.state.records();
        let known = usize::try_from(told.saturating_sub(records.calls_forgotten));
        let calls = records.calls.iter().skip(known.unwrap_or(usize::MAX)).cloned().collect();
        (calls, records.calls_forgotten + records.calls.len() as u64)
    }

    /// Waits for a call after the first `told`.
    pub async fn wait_after(&self, told: u64) {
        let mut arrivals = self.state.arrivals.subscribe();
        // Whoever sends lives as long as this does.
        let _ = arrivals.wait_for(|arrivals| *arrivals > told).await;
    }

    /// Waits until at least `count` calls that are remembered fit `matcher` and gives back those that do. A call
    /// counts when it arrives, before it is answered.
    pub async fn wait_for(&self, count: usize, matcher: impl Fn(&Call) -> bool) -> Vec<Call> {
        let mut arrivals = self.state.arrivals.subscribe();
        loop {
            arrivals.borrow_and_update();
            let calls: Vec<_> = self.calls().into_iter().filter(|call| matcher(call)).collect();
            if calls.len() >= count || arrivals.changed().await.is_err() {
                return calls;
            }
        }
    }
}

impl Drop for StandIns {
    fn drop(&mut self) {
        // The command is sent now; only its acknowledgement would have to be awaited.
        drop(self.server.stop(false));
    }
}

#[cfg(test)]
mod tests;
