//! A destination as it is called: its secrets read, its limit named.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret as _, SecretString};
use shared::senders::hubspot::signature::ClientSecret;

use super::gathering::Gathering;
use super::member::{Kind, Member};
use crate::destination::{Overrides, Signing};
use crate::limits::Limit;
use crate::tenants::{Batch, Destination, HeaderText, SecretRef, Sign, State, Timeouts};

/// Where there is no rate, a line is counted by the second.
const NO_RATE: Duration = Duration::from_secs(1);

/// A destination, ready.
pub(crate) struct Outlet {
    pub(crate) name: Arc<str>,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) signing: Signing,
    /// Its own; those that are secret are marked so.
    pub(crate) headers: HeaderMap,
    pub(crate) timeouts: Timeouts,
    pub(crate) limit: Limit,
    /// Requests under way at once, where it says.
    pub(crate) concurrency: Option<u32>,
    /// Where events gather, if they do. Another version of the file is another outlet, and so another place.
    pub(crate) batching: Option<Batching>,
    pub(crate) overrides: Overrides,
    pub(crate) is_paused: bool,
    /// Whether its address or a secret cannot be used.
    pub(crate) is_unusable: bool,
}

/// How events gather, and who does.
#[derive(Debug)]
pub(crate) struct Batching {
    pub(crate) batch: Batch,
    pub(crate) gathering: Arc<Gathering<Kind, Member>>,
}

/// Leaves out address and headers, which may be secrets.
impl std::fmt::Debug for Outlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outlet").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Outlet {
    /// The destination with its secrets, which `secret` reads. The error says which of them cannot be used,
    /// and never what is in it.
    pub(crate) fn of(
        destination: &Destination,
        secret: &dyn Fn(&SecretRef) -> Result<SecretString, String>,
    ) -> Result<Self, String> {
        let (signing, headers) = (signing(destination, secret)?, headers(destination, secret)?);
        Ok(Self { signing, headers, is_unusable: false, ..Self::unusable(destination) })
    }

    /// The destination without its secrets: nothing is sent there, and what is for it waits.
    pub(crate) fn unusable(destination: &Destination) -> Self {
        let key = format_args!("destination/{}", destination.name);
        let limit = match destination.rate {
            Some(rate) => rate.limit(key),
            None => Limit { window: NO_RATE, ..Limit::none(key) },
        };
        // Where tenants share it, they take turns.
        let limit = if destination.tenant.is_none() { limit.shared() } else { limit };
        Self {
            name: destination.name.as_str().into(),
            method: destination.method.clone(),
            url: destination.url.url().clone(),
            signing: Signing::None,
            headers: HeaderMap::new(),
            timeouts: destination.timeouts,
            limit,
            concurrency: destination.concurrency.map(u32::from),
            batching: destination.batch.map(|batch| Batching { batch, gathering: Arc::default() }),
            overrides: Overrides {
                transient: destination.transient_statuses.iter().copied().collect(),
                permanent: destination.permanent_statuses.iter().copied().collect(),
            },
            is_paused: destination.state == State::Paused,
            is_unusable: true,
        }
    }
}

fn signing(
    destination: &Destination,
    secret: &dyn Fn(&SecretRef) -> Result<SecretString, String>,
) -> Result<Signing, String> {
    match &destination.sign {
        Sign::Nothing => Ok(Signing::None),
        Sign::Standard { secret: current, previous_secret } => {
            let previous = previous_secret.as_ref().map(secret).transpose()?;
            let signing = Signing::standard(&secret(current)?, previous.as_ref());
            signing.map_err(|error| format!("secret: {error}"))
        }
        Sign::HubSpot { secret: current } => {
            let secret = ClientSecret::new(secret(current)?);
            Ok(Signing::HubSpot { secret: secret.map_err(|error| format!("secret: {error}"))? })
        }
    }
}

fn headers(
    destination: &Destination,
    secret: &dyn Fn(&SecretRef) -> Result<SecretString, String>,
) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, text) in &destination.headers {
        let bad = || format!("header {name}: not what a header can hold");
        let value = match text {
            HeaderText::Plain(text) => HeaderValue::from_str(text).map_err(|_| bad())?,
            HeaderText::Secret(reference) => {
                let read = secret(reference)?;
                let mut value = HeaderValue::from_str(read.expose_secret()).map_err(|_| bad())?;
                value.set_sensitive(true);
                value
            }
        };
        headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?, value);
    }
    Ok(headers)
}
