//! How an HTTP listener takes connections: so that nobody can hold them for ever.
//!
//! Owns the bounds of every connection, how many there are, and who has to give way. Refuses to know
//! what is served. actix-web's own timers cover a connection's first head and its idleness only; the
//! rest is bounded here, beside its dispatcher (`watch`) and below it (`socket`).

use std::fmt::Debug;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_http::{ConnectionType, HttpService, KeepAlive, Protocol, Request, Response};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, apply_fn_factory,
    map_config,
};
use actix_web::HttpResponse;
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, ServerHandle};
use tokio::net::{TcpSocket, TcpStream};

mod connection;
mod connections;
mod files;
mod knock;
mod limits;
mod metrics;
mod socket;
mod watch;

pub use connection::Connection;
pub use files::connections_for;
pub use knock::{Accepting, Knocking};
pub use limits::Limits;
pub use metrics::ListenerMetrics;

use connections::Connections;
use limits::LINGER;
use socket::Socket;

/// Connections that the kernel holds until they are taken. Those beyond are tried again by their peers
/// after a second, which HubSpot would count as ours.
const BACKLOG: u32 = 2048;
/// The most that actix-server can have.
const MAX_THREADS: usize = 512;
/// A listener that serves.
pub struct Listener {
    /// Stops it.
    pub server: ServerHandle,
    /// Where it is bound, which tells the port when 0 was asked for.
    pub address: SocketAddr,
    connections: Connections,
}

impl Listener {
    /// Begins to find out, again and again, whether it takes connections.
    pub fn knock(&self) -> Knocking {
        Knocking::begin(self.address, self.connections.clone())
    }
}

/// Takes an address, so that [`serve`] can serve there. Must be called on a runtime.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// Serves what `app` makes until the handle is stopped. An answer of 400 or above closes its
/// connection, unless the request was said to be trusted ([`Connection::trust`]).
/// Must be called on a multi-thread runtime.
pub fn serve<F, I, S, B>(
    listener: TcpListener,
    limits: Limits,
    metrics: Option<ListenerMetrics>,
    app: F,
) -> anyhow::Result<Listener>
where
    F: Fn() -> I + Clone + Send + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error>,
    S::InitError: Debug,
    S::Response: Into<Response<B>>,
    <S::Service as Service<Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let address = listener.local_addr()?;
    let threads = threads(limits.threads);
    let connections = Connections::new(limits, metrics);
    let builder = actix_server::Server::build()
        .workers(threads)
        .max_concurrent_connections(connections.most().div_ceil(threads))
        .shutdown_timeout(limits.close.as_secs())
        .disable_signals();
    let shutdown = builder.graceful_shutdown_signal();
    let taking = connections.clone();
    let server = builder.listen("http", listener, move || {
        let connections = taking.clone();
        let shutdown = shutdown.clone();
        let app = map_config(app().into_factory(), |()| AppConfig::default())
            .map_err(|error| error.into().error_response());
        let app = apply_fn_factory(app, |request: Request, app: &_| answer(request, app));
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let shutdown = shutdown.clone();
                async move { shutdown.notified().await }
            })
            .keep_alive(KeepAlive::Timeout(limits.idle))
            .client_request_timeout(limits.head)
            .client_disconnect_timeout(LINGER)
            .on_connect_ext(|socket: &Socket, data| {
                data.insert(Arc::clone(socket.connection()));
            })
            .local_addr(address)
            .finish(app);
        apply_fn_factory(http, move |stream: TcpStream, http: &_| {
            let peer = stream.peer_addr().ok();
            let connection = Arc::new(Connection::new(limits));
            let socket = Socket::new(stream, Arc::clone(&connection));
            let served = http.call((socket, Protocol::Http1, peer));
            watch::watch(served, connections.clone(), connection, peer)
        })
    })?;
    let server = server.run();
    let handle = server.handle();
    tokio::spawn(server);
    Ok(Listener { server: handle, address, connections })
}

/// How many threads serve where `wanted` are wished for; 0: one per core.
pub fn threads(wanted: usize) -> usize {
    let threads = match wanted {
        0 => std::thread::available_parallelism().map_or(2, std::num::NonZeroUsize::get),
        threads => threads,
    };
    threads.min(MAX_THREADS)
}

/// Answers one request, and tells its connection.
fn answer<S, B>(
    request: Request,
    app: &S,
) -> impl Future<Output = Result<Response<B>, HttpResponse>> + use<S, B>
where
    S: Service<Request, Error = HttpResponse>,
    S::Response: Into<Response<B>>,
{
    let connection = request.conn_data::<Arc<Connection>>().cloned();
    if let Some(connection) = &connection {
        connection.begin();
    }
    let answering = app.call(request);
    async move {
        let mut answer = answering.await.map(Into::into);
        let head = match &mut answer {
            Ok(response) => response.head_mut(),
            Err(response) => response.head_mut(),
        };
        let well = !(head.status.is_client_error() || head.status.is_server_error());
        if connection.is_some_and(|connection| connection.end(well)) {
            head.set_connection_type(ConnectionType::Close);
        }
        answer
    }
}
