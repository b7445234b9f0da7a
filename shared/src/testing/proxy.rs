//! A TCP proxy between a program and its server that can break in the ways networks do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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
    /// Connections are taken and kept, and nothing goes through either way: a machine whose network is
    /// gone.
    Silent,
    /// Connections are cut and none is taken.
    Down,
}

/// A proxy on a loopback port of its own; ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    weather: Arc<watch::Sender<Weather>>,
    /// So many bytes of the client's go through yet.
    room: Arc<AtomicUsize>,
    /// Where new connections lead to.
    server: watch::Sender<String>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Listens, and forwards to `server` (`host:port`).
    pub async fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (weather, _) = watch::channel(Weather::Fair);
        let weather = Arc::new(weather);
        let room = Arc::new(AtomicUsize::new(usize::MAX));
        let (server, leading) = watch::channel(server.to_owned());
        let (watched, bound) = (Arc::clone(&weather), Arc::clone(&room));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (leading, mut weather) = (leading.clone(), watched.subscribe());
                let end = End { room: Arc::clone(&bound), weather: Arc::clone(&watched) };
                tokio::spawn(async move {
                    let heard = weather.wait_for(|weather| *weather != Weather::Silent).await;
                    if heard.map_or(true, |weather| *weather == Weather::Down) {
                        return;
                    }
                    let server = leading.borrow().clone();
                    let Ok(upstream) = TcpStream::connect(&server).await else { return };
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = upstream.into_split();
                    tokio::spawn(forward(from_client, to_server, weather.clone(), Some(end)));
                    tokio::spawn(forward(from_server, to_client, weather, None));
                });
            }
        });
        Self { address, weather, room, server, accepting }
    }

    /// `url` with its host and port replaced by the proxy's.
    pub fn url(&self, url: &str) -> String {
        Self::urls([self], url)
    }

    /// `url` with its host and port replaced by those of several proxies.
    pub fn urls<'a>(proxies: impl IntoIterator<Item = &'a Self>, url: &str) -> String {
        let (scheme, rest) = url.split_once("://").unwrap();
        let (authority, path) = rest.split_once('/').map_or((rest, ""), |(a, p)| (a, p));
        let user =
            authority.rsplit_once('@').map(|(user, _)| format!("{user}@")).unwrap_or_default();
        let hosts: Vec<String> =
            proxies.into_iter().map(|proxy| proxy.address.to_string()).collect();
        format!("{scheme}://{user}{}/{path}", hosts.join(","))
    }

    /// `host:port` of a URL.
    pub fn server_of(url: &str) -> String {
        let rest = url.split_once("://").unwrap().1;
        let authority = rest.split('/').next().unwrap();
        authority.rsplit('@').next().unwrap().to_owned()
    }

    /// New connections lead to this server (`host:port`); those that are there stay.
    pub fn lead_to(&self, server: &str) {
        self.server.send_replace(server.to_owned());
    }

    /// Everything passes.
    pub fn restore(&self) {
        self.room.store(usize::MAX, Ordering::SeqCst);
        self.weather.send_replace(Weather::Fair);
    }

    /// The server's answers are held back until [`Proxy::restore`].
    pub fn mute_server(&self) {
        self.weather.send_replace(Weather::ServerMute);
    }

    /// Nothing goes through either way until [`Proxy::restore`], and nobody is told.
    pub fn silence(&self) {
        self.weather.send_replace(Weather::Silent);
    }

    /// So many bytes more go through to the server, and with the next one every connection is cut, as by
    /// [`Proxy::cut`].
    pub fn cut_after(&self, bytes: usize) {
        self.room.store(bytes, Ordering::SeqCst);
    }

    /// Every connection is cut and none is taken until [`Proxy::restore`].
    pub fn cut(&self) {
        self.weather.send_replace(Weather::Down);
    }
}

/// Where the way to the server ends for a client.
struct End {
    room: Arc<AtomicUsize>,
    weather: Arc<watch::Sender<Weather>>,
}

impl End {
    /// How many of so many bytes go through; if not all, everything is cut after them.
    fn take(&self, count: usize) -> (usize, bool) {
        let left =
            |room: usize| Some(if room == usize::MAX { room } else { room.saturating_sub(count) });
        let room = self.room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left);
        let room = room.unwrap_or_else(|room| room);
        (count.min(room), count > room)
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
    // Of what a client says.
    end: Option<End>,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            _ = weather.wait_for(|weather| *weather == Weather::Down) => return,
        };
        let Ok(count @ 1..) = read else { return };
        let open = weather
            .wait_for(|weather| match weather {
                Weather::Fair | Weather::Down => true,
                Weather::ServerMute => end.is_some(),
                Weather::Silent => false,
            })
            .await;
        match open.map(|weather| *weather) {
            Ok(Weather::Fair | Weather::ServerMute) => {}
            Ok(Weather::Down | Weather::Silent) | Err(_) => return,
        }
        let (count, is_over) = end.as_ref().map_or((count, false), |end| end.take(count));
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
        if let (Some(end), true) = (&end, is_over) {
            end.weather.send_replace(Weather::Down);
            return;
        }
    }
}
