//! The ERP: orders for won deals, and the customers they are for.
//!
//! Owns its three calls and their idempotency keys, which name the business fact and not the
//! event: however many events tell of one fact, the ERP sees one key.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Serialize;

use super::http::{Api, Reply};
use crate::error::HandlerError;

/// The ERP, if `ERP_URL` and `ERP_API_KEY` are set.
#[derive(Debug)]
pub struct Erp {
    api: Api,
}

/// `POST /orders`. Ids are JSON numbers, as in HubSpot's events.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Order<'a> {
    /// The HubSpot account.
    pub portal_id: u64,
    /// The deal that was won.
    pub deal_id: u64,
    /// Its name.
    pub deal_name: Option<&'a str>,
    /// Its amount, the decimal text that HubSpot gives: money is no floating-point number.
    pub amount: Option<&'a str>,
    /// The HubSpot user who owns the deal.
    pub owner_id: Option<&'a str>,
    /// The deal's contacts, in ascending order.
    pub contact_ids: &'a [u64],
    /// Which closing of the deal: HubSpot's `closedate`, which it sets when a deal is won.
    #[serde(skip)]
    pub closing: &'a str,
}

impl Order<'_> {
    /// One order for a closing, whichever and however many events tell of it. A deal that is
    /// opened again and won again is another closing and makes another order.
    pub fn idempotency_key(&self) -> String {
        let Self { portal_id, deal_id, closing, .. } = self;
        format!("hubline-order-{portal_id}-{deal_id}-{closing}")
    }
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

    /// `POST /orders`: creates the order; that it is there already (409) is as good.
    pub async fn create_order(&self, order: &Order<'_>) -> Result<(), HandlerError> {
        let request = self.api.request(Method::POST, &["orders"], &[]).json(order);
        let reply = self.send(request, &order.idempotency_key()).await?;
        if reply.status == StatusCode::CONFLICT {
            return Ok(());
        }
        reply.success().map(drop)
    }

    /// `PUT /customers/{contactId}`: creates or updates the customer.
    pub async fn put_customer(&self, portal_id: u64, contact_id: u64) -> Result<(), HandlerError> {
        let path = ["customers", &contact_id.to_string()];
        let customer = Customer { portal_id, contact_id };
        let request = self.api.request(Method::PUT, &path, &[]).json(&customer);
        let key = format!("hubline-customer-put-{portal_id}-{contact_id}");
        self.send(request, &key).await?.success().map(drop)
    }

    /// `DELETE /customers/{contactId}`: removes the customer; that there is none (404) is as good.
    pub async fn delete_customer(
        &self,
        portal_id: u64,
        contact_id: u64,
    ) -> Result<(), HandlerError> {
        let path = ["customers", &contact_id.to_string()];
        let request = self.api.request(Method::DELETE, &path, &[]);
        let key = format!("hubline-customer-delete-{portal_id}-{contact_id}");
        let reply = self.send(request, &key).await?;
        if reply.status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        reply.success().map(drop)
    }

    pub(super) fn summary(&self) -> String {
        self.api.origin()
    }

    async fn send(&self, request: RequestBuilder, key: &str) -> Result<Reply, HandlerError> {
        self.api.send(request.header("Idempotency-Key", key)).await
    }
}
