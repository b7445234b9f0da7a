//! Reaching a broker that has several addresses: each is tried with a share of its own, and the first
//! that lets us in is taken. Knows nothing of trying again.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::tcp::OwnedTLSConfig;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{AsyncTcpStream, Connection, ConnectionProperties};
use socket2::SockRef;
use tokio::time::timeout;

use super::race::{Place, first};
use super::socket::Socket;
use crate::settings::BrokerSettings;

/// What one address may take, from the first packet until it has let us in.
const SHARE: Duration = Duration::from_secs(5);
/// What is needed to reach the broker.
#[derive(Debug)]
pub(super) struct Address {
    hosts: Vec<AMQPUri>,
    /// Shown in RabbitMQ's own tools.
    pub(super) name: String,
    /// The one that let us in last, and where it goes.
    last: Mutex<Option<(SocketAddr, Place)>>,
}

/// A connection, and the socket below it.
pub(super) struct Live {
    pub(super) connection: Arc<Connection>,
    pub(super) socket: Arc<Socket>,
}

impl Address {
    pub(super) fn new(settings: &BrokerSettings, name: String) -> anyhow::Result<Self> {
        Ok(Self { hosts: settings.hosts()?, name, last: Mutex::default() })
    }

    /// A connection to whichever address answers first.
    pub(super) async fn connect(&self) -> Result<Live, String> {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let resolving = self.hosts.iter().map(|host| resolve(host.clone()));
        let place = |(_, address): &(AMQPUri, SocketAddr)| match last {
            Some((known, place)) if known == *address => place,
            _ => Place::Between,
        };
        let one = |(host, address): (AMQPUri, SocketAddr)| {
            let connecting = connect(host, address, self.name.clone());
            async move {
                match timeout(SHARE, connecting).await {
                    Ok(Ok(live)) => Ok((address, live)),
                    Ok(Err(error)) => Err(format!("{address}: {error}")),
                    Err(_) => Err(format!("{address}: no answer within {} s", SHARE.as_secs())),
                }
            }
        };
        let (address, live) = first(resolving, place, one).await?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((address, Place::First));
        Ok(live)
    }

    /// The one that let us in was of no use: it goes last, until one has let us in again.
    pub(super) fn was_of_no_use(&self) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, place)) = last.as_mut() {
            *place = Place::Last;
        }
    }
}

/// The addresses of a host.
async fn resolve(host: AMQPUri) -> Result<Vec<(AMQPUri, SocketAddr)>, String> {
    let name = host.authority.host.clone();
    match timeout(SHARE, tokio::net::lookup_host((name.as_str(), host.authority.port))).await {
        Ok(Ok(found)) => Ok(found.map(|address| (host.clone(), address)).collect()),
        Ok(Err(error)) => Err(format!("{name}: {error}")),
        Err(_) => Err(format!("{name}: not resolved within {} s", SHARE.as_secs())),
    }
}

/// A connection to one address of a host, whose name is still what its certificate must be for.
async fn connect(host: AMQPUri, address: SocketAddr, name: String) -> Result<Live, lapin::Error> {
    let socket = Arc::<Socket>::default();
    // lapin keeps what it is given for as long as its thread lives, which must not keep the socket.
    let kept = Arc::downgrade(&socket);
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let connection = Connection::connector(
        host,
        lapin::runtime::default_runtime()?,
        async move |host, runtime| {
            // lapin does this on a thread of its own, which nobody could stop otherwise.
            let opening = AsyncTcpStream::connect(&runtime, address);
            let stream = timeout(SHARE, opening).await.map_err(io::Error::from)??;
            if let AsyncTcpStream::Plain(stream) = &stream {
                let socket = SockRef::from(stream.get_ref()).try_clone()?;
                // Given up meanwhile.
                let given_up = || io::Error::from(io::ErrorKind::ConnectionAborted);
                kept.upgrade().ok_or_else(given_up)?.set(socket);
            }
            match host.scheme {
                AMQPScheme::AMQP => Ok(stream),
                AMQPScheme::AMQPS => {
                    let config = OwnedTLSConfig::default();
                    Ok(stream.into_tls(&host.authority.host, config.as_ref()).await?)
                }
            }
        },
        properties,
    );
    Ok(Live { connection: Arc::new(connection.await?), socket })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn it_is_remembered_who_was_of_no_use() {
        let known = "127.0.0.1:5672".parse().unwrap();
        let last = Mutex::new(Some((known, Place::First)));
        let address = Address { hosts: Vec::new(), name: String::new(), last };
        address.was_of_no_use();
        let last = *address.last.lock().unwrap();
        assert!(matches!(last, Some((address, Place::Last)) if address == known), "{last:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_given_up_is_taken_down() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = silent.local_addr().unwrap();
        let host: AMQPUri = "amqp://127.0.0.1/%2f".parse().unwrap();
        for _ in 0..3 {
            let connecting = super::connect(host.clone(), address, "given up".to_owned());
            let greeted = async {
                let (mut peer, _) = silent.accept().await.unwrap();
                peer.read_exact(&mut [0; 8]).await.unwrap();
                peer
            };
            let mut peer = tokio::select! {
                _ = connecting => panic!("ended without a word of the broker's"),
                peer = greeted => peer,
            };
            let ended = timeout(4 * SHARE, peer.read_to_end(&mut Vec::new())).await;
            assert_eq!(ended.unwrap().unwrap(), 0);
        }
    }
}
