//! Redis' address: what can be made of it, and what of it people may see.

use std::time::Duration;

use deadpool_redis::redis::{self, AsyncConnectionConfig};
use deadpool_redis::{Manager, Pool, Runtime, Timeouts};
use secrecy::{ExposeSecret, SecretString};

/// Pipelines under way at once.
pub(super) const LINKS: usize = 1;
/// A pipeline not answered by then is given up; whether it was carried out is then unknown.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Host and port of `url`, for people; neither user nor password.
pub(super) fn server(url: &SecretString) -> anyhow::Result<String> {
    let client = redis::Client::open(url.expose_secret()).map_err(|_| malformed())?;
    Ok(client.get_connection_info().addr().to_string())
}

fn malformed() -> anyhow::Error {
    anyhow::anyhow!("REDIS_URL is not a Redis address: write it as redis://:password@host:6379/0")
}

/// A pool for `url`; the error does not quote it.
pub(super) fn pool(url: &SecretString) -> anyhow::Result<Pool> {
    // The client's own limit is shorter than ours.
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(ANSWER_TIMEOUT));
    let manager = Manager::new_with_config(url.expose_secret(), config).map_err(|_| malformed())?;
    let timeouts = Timeouts {
        wait: Some(CONNECT_TIMEOUT),
        create: Some(CONNECT_TIMEOUT),
        recycle: Some(CONNECT_TIMEOUT),
    };
    Ok(Pool::builder(manager)
        .max_size(LINKS)
        .timeouts(timeouts)
        .runtime(Runtime::Tokio1)
        .build()?)
}
