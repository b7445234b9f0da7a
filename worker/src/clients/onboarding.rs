//! Onboarding: whatever starts when a contact becomes a customer, behind one address.

use reqwest::Method;
use serde_json::json;

use super::http::Api;
use crate::error::HandlerError;

/// The onboarding, if `ONBOARDING_URL` is set.
#[derive(Debug)]
pub struct Onboarding {
    api: Api,
}

impl Onboarding {
    pub(super) fn new(api: Api) -> Self {
        Self { api }
    }

    /// `POST {ONBOARDING_URL}` `{"portalId","contactId"}`. The `Idempotency-Key` is the contact's:
    /// who becomes a customer a second time is not onboarded a second time. Twin subscriptions send it
    /// from two workers at once; 409 says that the other's is in progress, and is transient.
    pub async fn start(&self, portal_id: u64, contact_id: u64) -> Result<(), HandlerError> {
        let request = self
            .api
            .request(Method::POST, &[], &[])
            .header("Idempotency-Key", format!("hubline-onboarding-{portal_id}-{contact_id}"))
            .json(&json!({ "portalId": portal_id, "contactId": contact_id }));
        self.api.send(request).await?.success_in_the_end().map(drop)
    }

    pub(super) fn summary(&self) -> String {
        self.api.origin()
    }
}
