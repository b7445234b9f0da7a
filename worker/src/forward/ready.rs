//! What is ready to go out, to whatever kind of destination.
//!
//! Owns how each is sent to, and that all their answers are one kind of answer: limits, breaker and pauses
//! around it are the same for all.

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use super::answers::of_each;
use super::choice::Body;
use super::endpoint::Endpoint;
use super::sent::Sent;
use crate::clients::databases::Database;
use crate::clients::destinations::{Destinations, Outgoing, secrets};
use crate::destination::postgres::Row;
use crate::destination::slack::Webhook;
use crate::error::HandlerError;
use crate::tenants::Timeouts;

/// It.
pub(crate) enum Ready<'a> {
    Endpoint {
        outgoing: Outgoing<'a>,
        endpoint: &'a Endpoint,
    },
    /// Without its webhook it cannot be sent.
    Channel {
        webhook: Option<&'a Webhook>,
        body: Body,
    },
    /// Without its database it cannot be written.
    Row {
        database: Option<&'a Database>,
        row: Row,
    },
}

impl Ready<'_> {
    /// Sends it, and says what the answer means. `of` is the destination's name.
    pub(crate) async fn send(
        self,
        destinations: &Destinations,
        of: &str,
        timeouts: Timeouts,
    ) -> Result<Sent, HandlerError> {
        match self {
            Self::Endpoint { outgoing, endpoint } => {
                let mut answered = destinations.send(outgoing).await?;
                if endpoint.batching.is_some() {
                    // It is a batch of one, in whose answer the one may have failed.
                    let each = of_each(of, endpoint, &answered, 1)?;
                    answered = each.into_iter().next().map_or(answered, |told| told.answered);
                }
                Ok(Sent::of_endpoint(of, &answered, &endpoint.overrides))
            }
            Self::Channel { webhook, body } => {
                let url = webhook.ok_or_else(unusable)?.url();
                let headers = slack_headers();
                let mut secrets = secrets(&headers, url);
                secrets.push(url.path().to_owned());
                let outgoing = Outgoing {
                    method: &Method::POST,
                    url,
                    headers,
                    body: body.bytes,
                    timeouts,
                    secrets: secrets.into(),
                };
                Ok(Sent::of_slack(of, &destinations.send(outgoing).await?))
            }
            Self::Row { database, row } => {
                let database = database.ok_or_else(unusable)?;
                let fault = destinations.databases.write(database, &row, timeouts).await?;
                Ok(Sent::of_row(of, fault.as_ref()))
            }
        }
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
