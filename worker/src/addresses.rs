//! What a `HOST:PORT` stands for: in a cluster a name has an address for each process behind it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(3);

/// Every address of `name`, in order; none if it means nothing now. Of a name that has addresses of both
/// families those of the older one: both are the same processes.
pub(crate) async fn all_of(name: &str) -> Vec<SocketAddr> {
    let Ok(Ok(found)) = timeout(PATIENCE, lookup_host(name)).await else { return Vec::new() };
    let mut found: Vec<SocketAddr> = found.collect();
    if found.iter().any(SocketAddr::is_ipv4) {
        found.retain(SocketAddr::is_ipv4);
    }
    found.sort_unstable();
    found.dedup();
    found
}
