//! A TCP proxy between a program and its server that can break in the ways networks do.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the proxy does with what comes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    Fair,
    /// What the server says is held back; what the client says goes through.
    ServerMute,
    /// Connections are cut and none is taken.
    Down,
}

/// A proxy on a loopback port of its own; ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    weather: Arc<watch::Sender<Weather>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Listens, and forwards to `server` (`host:port`).
    pub async fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (weather, _) = watch::channel(Weather::Fair);
        let weather = Arc::new(weather);
        let (server, watched) = (server.to_owned(), Arc::clone(&weather));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *watched.borrow() == Weather::Down {
                    continue;
                }
                let Ok(upstream) = TcpStream::connect(&server).await else { continue };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = upstream.into_split();
                tokio::spawn(forward(from_client, to_server, watched.subscribe(), false));
                tokio::spawn(forward(from_server, to_client, watched.subscribe(), true));
            }
        });
        Self { address, weather, accepting }
    }

    /// `url` with its host and port replaced by the proxy's.
    pub fn url(&self, url: &str) -> String {
        let (scheme, rest) = url.split_once("://").unwrap();
        let (authority, path) = rest.split_once('/').map_or((rest, ""), |(a, p)| (a, p));
        let user =
            authority.rsplit_once('@').map(|(user, _)| format!("{user}@")).unwrap_or_default();
        format!("{scheme}://{user}{}/{path}", self.address)
    }

    /// `host:port` of a URL.
    pub fn server_of(url: &str) -> String {
        let rest = url.split_once("://").unwrap().1;
        let authority = rest.split('/').next().unwrap();
        authority.rsplit('@').next().unwrap().to_owned()
    }

    /// Everything passes.
    pub fn restore(&self) {
        self.weather.send_replace(Weather::Fair);
    }

    /// The server's answers are held back until [`Proxy::restore`].
    pub fn mute_server(&self) {
        self.weather.send_replace(Weather::ServerMute);
    }

    /// Every connection is cut and none is taken until [`Proxy::restore`].
    pub fn cut(&self) {
        self.weather.send_replace(Weather::Down);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.weather.send_replace(Weather::Down);
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
    is_server: bool,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            _ = weather.wait_for(|weather| *weather == Weather::Down) => return,
        };
        let Ok(count @ 1..) = read else { return };
        let open = weather
            .wait_for(|weather| {
                *weather == Weather::Down || !(is_server && *weather == Weather::ServerMute)
            })
            .await;
        match open.map(|weather| *weather) {
            Ok(Weather::Fair | Weather::ServerMute) => {}
            Ok(Weather::Down) | Err(_) => return,
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
