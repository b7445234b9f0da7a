//! Whether a listener takes connections, found out by connecting to it: a process that has no files
//! left, or whose threads hang, is alive and of no use.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::connections::Connections;
use crate::admin::Readiness;

const FAILS: &str = "takes no connections";
const EVERY: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(3);

/// Somebody who knocks until this is dropped.
pub struct Knocking {
    last: watch::Receiver<bool>,
    _task: AbortOnDropHandle<()>,
}

/// Whether connections are taken, as found last.
#[derive(Clone)]
pub struct Accepting(watch::Receiver<bool>);

impl Knocking {
    pub(super) fn begin(address: SocketAddr, connections: Connections) -> Self {
        let (say, last) = watch::channel(true);
        let task = tokio::spawn(knock_on(own(address), connections, say));
        Self { last, _task: AbortOnDropHandle::new(task) }
    }

    /// What was found last.
    pub fn accepting(&self) -> Accepting {
        Accepting(self.last.clone())
    }
}

impl Accepting {
    /// As it was some seconds ago at the most; true until it was found out.
    pub fn now(&self) -> bool {
        *self.0.borrow()
    }

    /// The same of the listener `name`, which is said only if it fails.
    pub fn readiness(&self, name: &'static str) -> Readiness {
        let ready = self.now();
        let checks = if ready { BTreeMap::new() } else { [(name, FAILS.to_owned())].into() };
        Readiness { ready, checks }
    }
}

async fn knock_on(address: SocketAddr, connections: Connections, say: watch::Sender<bool>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let knocked = tokio::time::timeout(PATIENCE, knock(address, &connections)).await;
        let accepting = matches!(knocked, Ok(Ok(())));
        if say.send_replace(accepting) != accepting {
            if accepting {
                tracing::info!(%address, "connections are taken again");
            } else {
                tracing::error!(%address, "no connections are taken");
            }
        }
    }
}

async fn knock(address: SocketAddr, connections: &Connections) -> anyhow::Result<()> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Bound first: its address must be known before it is taken.
    socket.bind(SocketAddr::new(address.ip(), 0))?;
    let taken = connections.expect(socket.local_addr()?);
    let _stream = socket.connect(address).await?;
    Ok(taken.await?)
}

/// Where this machine reaches a listener on `address`.
fn own(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
