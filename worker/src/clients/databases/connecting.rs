//! A new connection: to an address that was looked at, with a time limit for each statement.

use std::io;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::net::TcpStream;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, Error, NoTls};

use super::bounded::Bounded;
use super::database::Database;
use super::tls::Tls;
use crate::destination::address::{Allow, Refused, database_addresses};
use crate::destination::postgres::Login;
use crate::tenants::Timeouts;

/// Why there is none.
pub(super) enum NoConnection {
    /// It may not be called.
    Refused(Refused),
    /// Nobody is there.
    Io(io::Error),
    /// Somebody is, and there is no session.
    Login(Error),
}

impl From<Refused> for NoConnection {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<io::Error> for NoConnection {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Error> for NoConnection {
    fn from(error: Error) -> Self {
        Self::Login(error)
    }
}

/// A session. It ends when its client is dropped.
pub(super) async fn connect(
    database: &Database,
    allow: &Allow,
    timeouts: Timeouts,
) -> Result<Client, NoConnection> {
    database.check(allow)?;
    let Login { host, port, user, password, database: name, is_plain } = &database.login;
    let stream = opened(database_addresses(host, *port, allow).await??, timeouts.connect).await?;
    stream.set_nodelay(true)?;
    let mut config = Config::new();
    config.user(user).password(password.expose_secret()).dbname(name).application_name("hubline");
    // Connections are driven each by a task of their own, which ends with its client.
    let client = if *is_plain {
        config.ssl_mode(SslMode::Disable);
        let (client, connection) = config.connect_raw(Bounded::new(stream), NoTls).await?;
        tokio::spawn(connection);
        client
    } else {
        config.ssl_mode(SslMode::Require);
        let host = host.host_str().unwrap_or_default();
        let tls = Tls::to(host, &database.roots).map_err(io::Error::other)?;
        let (client, connection) = config.connect_raw(stream, tls).await?;
        tokio::spawn(connection);
        client
    };
    // Who is not waited for any more holds no lock there.
    let limit = timeouts.whole.as_millis();
    client.batch_execute(&format!("SET statement_timeout = {limit}")).await?;
    Ok(client)
}

/// One after the other, each with its part of the time.
async fn opened(
    addresses: Vec<std::net::SocketAddr>,
    within: Duration,
) -> Result<TcpStream, NoConnection> {
    let part = within / u32::try_from(addresses.len().max(1)).unwrap_or(1);
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for address in addresses {
        match tokio::time::timeout(part, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => {}
        }
    }
    Err(last.into())
}
