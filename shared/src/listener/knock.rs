//! Whether a listener takes connections, found out by connecting to it: a process that has no files
//! left, or whose threads hang, is alive and of no use.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::connections::Connections;
use crate::readiness::Readiness;

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
        let task = tokio::spawn(knock_on(address, connections, say));
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
    // One that gets lost is no reason to be taken out of a load balancer, in a flood least of all.
    let mut lost_before = false;
    loop {
        tokio::time::sleep(EVERY).await;
        let knocked = tokio::time::timeout(PATIENCE, knock(address, &connections)).await;
        let is_lost = !matches!(knocked, Ok(Ok(())));
        let accepting = !(is_lost && lost_before);
        lost_before = is_lost;
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
    let mut lost = anyhow::anyhow!("nowhere to knock");
    for own in own(address) {
        match knock_at(own, connections).await {
            Ok(()) => return Ok(()),
            Err(error) => lost = error,
        }
    }
    Err(lost)
}

async fn knock_at(address: SocketAddr, connections: &Connections) -> anyhow::Result<()> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Bound first: its address must be known before it is taken.
    let mut from = address;
    from.set_port(0);
    socket.bind(from)?;
    let taken = connections.expect(socket.local_addr()?);
    let _stream = socket.connect(address).await?;
    Ok(taken.await?)
}

/// Where this machine reaches a listener on `address`: one on all of IPv6 by IPv4 too, which is there
/// where IPv6 is turned off.
fn own(address: SocketAddr) -> Vec<SocketAddr> {
    let at = |ip: IpAddr| SocketAddr::new(ip, address.port());
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => vec![at(Ipv4Addr::LOCALHOST.into())],
        IpAddr::V6(ip) if ip.is_unspecified() => {
            vec![at(Ipv6Addr::LOCALHOST.into()), at(Ipv4Addr::LOCALHOST.into())]
        }
        _ => vec![address],
    }
}
