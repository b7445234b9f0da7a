//! Where an event goes in the end: an HTTP endpoint, a Slack channel, or a table in PostgreSQL.
//!
//! Owns what is made of an event for each. Refuses to send it.

use std::sync::Arc;

use super::endpoint::Endpoint;
use super::outgoing::outgoing;
use super::parcel::Parcel;
use super::ready::Ready;
use crate::clients::databases::Database;
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

    /// What goes out for it, signed now.
    pub(super) fn ready(
        &self,
        timeouts: Timeouts,
        parcel: &Parcel,
    ) -> Result<Ready<'_>, HandlerError> {
        Ok(match self {
            Self::Http(endpoint) => {
                Ready::Endpoint { outgoing: outgoing(endpoint, timeouts, parcel), endpoint }
            }
            Self::Slack(webhook) => {
                Ready::Channel { webhook: webhook.as_ref(), body: parcel.body.clone() }
            }
            Self::Postgres(store) => {
                Ready::Row { database: store.database.as_ref(), row: store.row(parcel)? }
            }
        })
    }
}

impl Store {
    /// The row that is made of it.
    fn row(&self, parcel: &Parcel) -> Result<Row, HandlerError> {
        let row = Row::of(&parcel.body.bytes, &self.table, &self.key, parcel.name());
        row.map_err(|error| HandlerError::permanent(Service::Destination.code("ROW"), error))
    }
}
