//! The ERP: orders for won deals, and the customers they are for.
//!
//! Owns its three calls and what its answers mean. It refuses to choose an order's idempotency key:
//! that names the business fact, which the handler knows.

use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::http::Api;
use crate::error::HandlerError;

/// The ERP, if `ERP_URL` and `ERP_API_KEY` are set.
#[derive(Debug)]
pub struct Erp {
    api: Api,
}

/// `POST /orders`. Ids are JSON numbers, as in HubSpot's events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// The HubSpot account.
    pub portal_id: u64,
    /// The deal that was won.
    pub deal_id: u64,
    /// Its name.
    pub deal_name: Option<String>,
    /// Its amount as decimal text: money is no floating-point number.
    pub amount: Option<String>,
    /// The currency of the amount, such as `EUR`; `None` where HubSpot has none, in portals with one
    /// currency.
    pub currency: Option<String>,
    /// The HubSpot user who owns the deal.
    pub owner_id: Option<String>,
    /// The deal's contacts, in ascending order.
    pub contact_ids: Vec<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Customer {
    portal_id: u64,
    contact_id: u64,
}

impl Erp {
    pub(super) fn new(api: Api) -> Self {
        Self { api }
    }

    /// `POST /orders` under an `Idempotency-Key`, which must never come with two bodies. 409 says that a
    /// request with this key is in progress: whether there will be an order is not known, so it is
    /// transient, and what the ERP answers to the same request later counts.
    pub async fn create_order(&self, order: &Order, key: &str) -> Result<(), HandlerError> {
        let request = self.api.request(Method::POST, &["orders"], &[]).json(order);
        let reply = self.api.send(request.header("Idempotency-Key", key)).await?;
        reply.success_in_the_end().map(drop)
    }

    /// `PUT /customers/{contactId}`: creates or updates the customer. Without an idempotency key: the
    /// same one would make the ERP repeat its answer instead of putting back who was removed. Two workers
    /// can ask at once, by twin subscriptions, and 409 may be the answer to one: it is transient.
    pub async fn put_customer(&self, portal_id: u64, contact_id: u64) -> Result<(), HandlerError> {
        let path = ["customers", &contact_id.to_string()];
        let customer = Customer { portal_id, contact_id };
        let request = self.api.request(Method::PUT, &path, &[]).json(&customer);
        self.api.send(request).await?.success_in_the_end().map(drop)
    }

    /// `DELETE /customers/{contactId}`: removes the customer; that there is none (404) is as good.
    /// Without an idempotency key, as above.
    pub async fn delete_customer(&self, contact_id: u64) -> Result<(), HandlerError> {
        let path = ["customers", &contact_id.to_string()];
        let reply = self.api.send(self.api.request(Method::DELETE, &path, &[])).await?;
        if matches!(reply.status, StatusCode::NOT_FOUND | StatusCode::GONE) {
            return Ok(());
        }
        reply.success_in_the_end().map(drop)
    }

    pub(super) fn summary(&self) -> String {
        self.api.origin()
    }
}
