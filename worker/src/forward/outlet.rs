//! A destination as it is called: its secrets read, its limit named.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use shared::senders::hubspot::signature::ClientSecret;

use super::endpoint::{Batching, Endpoint};
use super::parcel::Parcel;
use super::ready::Ready;
use super::refusal::Refusal;
use super::sent::Sent;
use super::sink::{Sink, Store};
use crate::clients::databases::Database;
use crate::clients::destinations::{Destinations, secrets};
use crate::context::Context;
use crate::destination::slack::Webhook;
use crate::destination::{Overrides, Signing};
use crate::error::HandlerError;
use crate::generated::{Opened, Owner};
use crate::limits::Limit;
use crate::tenants::{self, Destination, HeaderText, SecretRef, Sign, State, Timeouts};

/// Reads a secret; the second is one of the right form, for whoever only looks at the file.
pub(crate) type ReadSecret<'a> = dyn Fn(&SecretRef, &str) -> Result<SecretString, String> + 'a;

/// Opens the secret that was made here for a destination.
pub(crate) type OpenSecret<'a> = dyn Fn(&Owner) -> Result<Opened, String> + 'a;

/// Who wants nothing any more is asked again after this, where it is not paused.
const GONE: Duration = Duration::from_secs(15 * 60);
/// Until all workers know that it is paused.
const PAUSING: Duration = Duration::from_secs(15);
/// Where there is no rate, a line is counted by the second.
const NO_RATE: Duration = Duration::from_secs(1);
/// A webhook of Slack's takes a message a second. A little less: two can come closer together than they were
/// sent (docs.slack.dev/apis/web-api/rate-limits).
const SLACKS_PACE: Duration = Duration::from_millis(1050);
/// Rows at once, of all workers together, and connections of each, to a database that does not say: those of
/// small ones are few.
const ROWS_AT_ONCE: u32 = 5;

/// Secrets of the right form.
const KEY: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const WEBHOOK: &str = "https://hooks.slack.com/services/T/B/X";
const DATABASE: &str = "postgres://user:password@database.example/name";

/// A destination, ready.
pub(crate) struct Outlet {
    pub(crate) name: Arc<str>,
    pub(crate) sink: Sink,
    pub(crate) timeouts: Timeouts,
    pub(crate) limit: Limit,
    /// Requests or rows under way at once, where it says.
    pub(crate) concurrency: Option<u32>,
    pub(crate) is_paused: bool,
    /// Whether its address or a secret cannot be used.
    pub(crate) is_unusable: bool,
    /// Where it is paused if it says that it wants nothing any more; `None` where that is not written down.
    pub(crate) refusal: Option<Refusal>,
}

/// Leaves out address and headers, which may be secrets.
impl std::fmt::Debug for Outlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outlet").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Outlet {
    /// The destination with its secrets, which `secret` reads, or `generated` if they were made here. The error says
    /// which of them cannot be used, and never what is in it.
    pub(crate) fn of(
        destination: &Destination,
        secret: &ReadSecret<'_>,
        generated: &OpenSecret<'_>,
    ) -> Result<Self, String> {
        let outlet = Self::unusable(destination);
        let connections = outlet.concurrency.unwrap_or(ROWS_AT_ONCE);
        let sink = match (&destination.sink, outlet.sink) {
            (tenants::Sink::Http(of), _) => {
                let generated =
                    Owner::of(destination).map(|owner| generated(&owner)).transpose()?;
                let signing = signing(of, secret, generated.as_ref())?;
                let headers = headers(of, secret)?;
                let secrets = secrets(&headers, of.url.url());
                let endpoint = endpoint_of(destination, of);
                Sink::Http(Arc::new(Endpoint { signing, headers, secrets, ..endpoint }))
            }
            (tenants::Sink::Slack(url), _) => {
                let webhook = Webhook::parse(&secret(url, WEBHOOK)?);
                Sink::Slack(Some(webhook.map_err(|error| format!("slack: {error}"))?))
            }
            (tenants::Sink::Postgres(of), Sink::Postgres(store)) => {
                let url = secret(&of.url, DATABASE)?;
                let ca = of.ca.as_ref().map(|ca| secret(ca, "")).transpose()?;
                let database = Database::new(&url, ca.as_ref(), connections)
                    .map_err(|error| format!("postgres.{error}"))?;
                Sink::Postgres(Store { database: Some(database), ..store })
            }
            (_, sink) => sink,
        };
        Ok(Self { sink, is_unusable: false, ..outlet })
    }

    /// The destination without its secrets: nothing is sent there, and what is for it waits.
    pub(crate) fn unusable(destination: &Destination) -> Self {
        let key = format_args!("destination/{}", destination.name);
        let limit = match (destination.rate, &destination.sink) {
            (Some(rate), _) => rate.limit(key),
            (None, tenants::Sink::Slack(_)) => Limit::of(1, SLACKS_PACE, key),
            (None, _) => Limit { window: NO_RATE, ..Limit::none(key) },
        };
        // Where tenants share it, they take turns.
        let limit = if destination.tenant.is_none() { limit.shared() } else { limit };
        Self {
            name: destination.name.as_str().into(),
            sink: without_secrets(destination),
            timeouts: destination.timeouts,
            limit,
            concurrency: concurrency(destination),
            is_paused: destination.state == State::Paused,
            is_unusable: true,
            refusal: None,
        }
    }

    /// The endpoint, if its events gather in batches.
    pub(super) fn gathering(&self) -> Option<(&Arc<Endpoint>, &Batching)> {
        let Sink::Http(endpoint) = &self.sink else { return None };
        Some((endpoint, endpoint.batching.as_ref()?))
    }

    /// It wants nothing any more, and is paused where that can be written. For how long it is left alone: until all
    /// workers know, or until one asks again. Another run may see to all of it.
    pub(super) async fn refused(&self, cx: &Context, is_known: bool) -> Duration {
        let Some(refusal) = &self.refusal else { return GONE };
        if is_known {
            return PAUSING;
        }
        // Before all that takes its time.
        cx.hold(&self.limit, PAUSING).await;
        match refusal.write().await {
            Ok(true) => PAUSING,
            // A worker that does not see it for so long has no way to.
            Ok(false) => GONE,
            Err(error) => {
                let (destination, error) = (&*self.name, format!("{error:#}"));
                tracing::warn!(
                    destination,
                    error,
                    "a destination that wants nothing is not paused"
                );
                GONE
            }
        }
    }

    /// What goes out for it, signed now.
    pub(crate) fn ready(&self, parcel: &Parcel) -> Result<Ready<'_>, HandlerError> {
        self.sink.ready(self.timeouts, parcel)
    }

    /// Sends it, and says what the answer means.
    pub(super) async fn send(
        &self,
        destinations: &Destinations,
        parcel: &Parcel,
    ) -> Result<Sent, HandlerError> {
        self.ready(parcel)?.send(destinations, &self.name, self.timeouts).await
    }
}

fn concurrency(destination: &Destination) -> Option<u32> {
    let said = destination.concurrency.map(u32::from);
    match destination.sink {
        tenants::Sink::Postgres(_) => said.or(Some(ROWS_AT_ONCE)),
        tenants::Sink::Http(_) | tenants::Sink::Slack(_) => said,
    }
}

fn without_secrets(destination: &Destination) -> Sink {
    match &destination.sink {
        tenants::Sink::Http(of) => Sink::Http(Arc::new(endpoint_of(destination, of))),
        tenants::Sink::Slack(_) => Sink::Slack(None),
        tenants::Sink::Postgres(tenants::Database { table, key, .. }) => {
            let (table, key) = (table.clone(), key.clone());
            Sink::Postgres(Store { database: None, table, key })
        }
    }
}

/// The endpoint without its secrets.
fn endpoint_of(destination: &Destination, of: &tenants::Endpoint) -> Endpoint {
    Endpoint {
        method: of.method.clone(),
        url: of.url.url().clone(),
        signing: Signing::None,
        headers: HeaderMap::new(),
        secrets: Vec::new(),
        overrides: Overrides {
            transient: destination.transient_statuses.iter().copied().collect(),
            permanent: destination.permanent_statuses.iter().copied().collect(),
        },
        batching: destination.batch.map(|batch| Batching { batch, gathering: Arc::default() }),
    }
}

fn signing(
    of: &tenants::Endpoint,
    secret: &ReadSecret<'_>,
    generated: Option<&Opened>,
) -> Result<Signing, String> {
    let previous = of.sign.previous_secret().map(|place| secret(place, KEY)).transpose()?;
    let mut former: Vec<_> = previous.iter().map(|secret| (secret, None)).collect();
    let current = match (&of.sign, generated) {
        (Sign::Nothing, _) => return Ok(Signing::None),
        (Sign::Standard { secret: place, .. } | Sign::HubSpot { secret: place }, _) => {
            secret(place, KEY)?
        }
        (Sign::Generated { .. }, Some(opened)) => {
            former.extend(opened.former.iter().map(|(secret, until)| (secret, Some(*until))));
            opened.current.clone()
        }
        (Sign::Generated { .. }, None) => return Err("secret: it was not looked for".to_owned()),
    };
    if of.sign.is_as_hubspots() {
        let secret = ClientSecret::new(current).map_err(|error| format!("secret: {error}"))?;
        return Ok(Signing::HubSpot { secret });
    }
    Signing::standard(&current, &former).map_err(|error| format!("secret: {error}"))
}

fn headers(of: &tenants::Endpoint, secret: &ReadSecret<'_>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, text) in &of.headers {
        let bad = || format!("header {name}: not what a header can hold");
        let value = match text {
            HeaderText::Plain(text) => HeaderValue::from_str(text).map_err(|_| bad())?,
            HeaderText::Secret(reference) => {
                let read = secret(reference, KEY)?;
                let mut value = HeaderValue::from_str(read.expose_secret()).map_err(|_| bad())?;
                value.set_sensitive(true);
                value
            }
        };
        headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?, value);
    }
    Ok(headers)
}
