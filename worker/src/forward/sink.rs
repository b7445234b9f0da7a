//! Where an event goes in the end: an HTTP endpoint, a Slack channel, or a table in PostgreSQL.
//!
//! Owns how each is sent to, and that all their answers are one kind of answer: limits, breaker and pauses
//! around it are the same for all.

use std::sync::Arc;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use super::endpoint::Endpoint;
use super::outgoing::outgoing;
use super::parcel::Parcel;
use super::sent::Sent;
use crate::clients::databases::Database;
use crate::clients::destinations::{Destinations, Outgoing};
use crate::destination::address::{Allow, check, check_slack};
use crate::destination::postgres::{Identifier, Row, Table};
use crate::destination::slack::Webhook;
use crate::error::HandlerError;
use crate::service::Service;
use crate::tenants::Timeouts;

/// What a destination is.
pub(crate) enum Sink {
    Http(Arc<Endpoint>),
    /// Without its webhook it cannot be used.
    Slack(Option<Webhook>),
    Postgres(Store),
}

/// A table, ready.
pub(crate) struct Store {
    /// Without it it cannot be used.
    pub(crate) database: Option<Database>,
    pub(crate) table: Table,
    pub(crate) key: Identifier,
}

impl Sink {
    /// Whether it may be called, as far as its address tells. The error says what is wrong with which key.
    pub(crate) fn check(&self, allow: &Allow) -> Result<(), String> {
        let (key, checked) = match self {
            Self::Http(endpoint) => ("url", check(&endpoint.url, allow)),
            Self::Slack(Some(webhook)) => ("slack", check_slack(webhook.url(), allow)),
            Self::Postgres(Store { database: Some(database), .. }) => {
                ("postgres.url", database.check(allow))
            }
            Self::Slack(None) | Self::Postgres(_) => return Ok(()),
        };
        checked.map_err(|refused| format!("{key}: {refused}"))
    }

    /// Sends it, and says what the answer means. `of` is the destination's name.
    pub(super) async fn send(
        &self,
        destinations: &Destinations,
        of: &str,
        timeouts: Timeouts,
        parcel: Parcel<'_>,
    ) -> Result<Sent, HandlerError> {
        match self {
            Self::Http(endpoint) => {
                let answered = destinations.send(outgoing(endpoint, timeouts, &parcel)).await?;
                Ok(Sent::of_endpoint(of, &answered, &endpoint.overrides))
            }
            Self::Slack(webhook) => {
                let url = webhook.as_ref().ok_or_else(unusable)?.url();
                let outgoing = Outgoing {
                    method: &Method::POST,
                    url,
                    headers: slack_headers(),
                    body: parcel.body.bytes,
                    timeouts,
                    secret: Some(url.path()),
                };
                Ok(Sent::of_slack(of, &destinations.send(outgoing).await?))
            }
            Self::Postgres(store) => {
                let database = store.database.as_ref().ok_or_else(unusable)?;
                let row = store.row(&parcel)?;
                let fault = destinations.databases.write(database, &row, timeouts).await?;
                Ok(Sent::of_row(of, fault.as_ref()))
            }
        }
    }
}

impl Store {
    /// The row that is made of it.
    pub(crate) fn row(&self, parcel: &Parcel<'_>) -> Result<Row, HandlerError> {
        let row = Row::of(&parcel.body.bytes, &self.table, &self.key, &parcel.name());
        row.map_err(|error| HandlerError::permanent(Service::Destination.code("ROW"), error))
    }
}

/// The head of a message to Slack.
fn slack_headers() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

/// The run was held back before: nothing gets here.
fn unusable() -> HandlerError {
    HandlerError::transient("DESTINATION_UNUSABLE", "the destination has no secret to be used with")
}
