//! A database that is played, behind TLS: whom it is told the password, and whom not.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prometheus_client::registry::Registry;
use rustls::ServerConfig;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{Database, Databases};
use crate::destination::address::Allow;
use crate::destination::postgres::{Identifier, Row, SqlFault, Table};
use crate::error::HandlerError;
use crate::metrics::WorkerMetrics;
use crate::tenants::Timeouts;

mod failover;

/// What a client begins with that wants TLS: a length, and a number.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// It refuses every login in words that nobody should repeat.
struct Played {
    address: std::net::SocketAddr,
    ca: SecretString,
}

impl Played {
    /// With a certificate for `host`; without TLS if that is none.
    async fn start(host: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let made = rcgen::generate_simple_self_signed([host.unwrap_or("none").to_owned()]).unwrap();
        let pem = STANDARD.encode(made.cert.der());
        let ca = format!("-----BEGIN CERTIFICATE-----\n{pem}\n-----END CERTIFICATE-----\n");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth();
        let key = made.signing_key.serialize_der().try_into().unwrap();
        let config = config.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        let acceptor = host.map(|_| TlsAcceptor::from(Arc::new(config)));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(refuse(client, acceptor.clone()));
            }
        });
        Self { address, ca: ca.into() }
    }

    async fn write(&self, ca: Option<&SecretString>) -> Result<Option<SqlFault>, HandlerError> {
        let url = format!("postgres://u:hunter2@localhost:{}/d", self.address.port());
        let database = Database::new(&url.into(), ca, 1).unwrap();
        let allow = Allow::parse(&format!("localhost:{}", self.address.port())).unwrap();
        let metrics = WorkerMetrics::register(&mut Registry::default(), false);
        let table = Table::parse("t").unwrap();
        let row = Row::of(b"{}", &table, &Identifier::parse("id").unwrap(), "a_b").unwrap();
        Databases::new(Arc::new(allow), metrics).write(&database, &row, Timeouts::default()).await
    }
}

async fn refuse(mut client: TcpStream, acceptor: Option<TlsAcceptor>) -> Option<()> {
    let mut request = [0; 8];
    client.read_exact(&mut request).await.ok()?;
    assert_eq!(request, SSL_REQUEST, "nothing is said in the open");
    let Some(acceptor) = acceptor else { return client.write_all(b"N").await.ok() };
    client.write_all(b"S").await.ok()?;
    let mut client = acceptor.accept(client).await.ok()?;
    let length = client.read_u32().await.ok()?;
    let mut startup = vec![0; usize::try_from(length).ok()? - 4];
    client.read_exact(&mut startup).await.ok()?;
    let fields = b"SFATAL\0C28P01\0Mnot with hunter2\0\0";
    client.write_all(b"E").await.ok()?;
    client.write_u32(u32::try_from(fields.len() + 4).ok()?).await.ok()?;
    client.write_all(fields).await.ok()?;
    client.shutdown().await.ok()
}

#[tokio::test]
async fn who_has_a_certificate_of_the_destinations_authority_is_talked_to() {
    let played = Played::start(Some("localhost")).await;
    let fault = played.write(Some(&played.ca)).await.unwrap().unwrap();
    assert_eq!(fault, SqlFault::of("28P01", "not with [secret]"));
}

#[tokio::test]
async fn who_has_none_or_that_of_another_host_is_told_nothing() {
    let other = Played::start(Some("other.example")).await;
    let ours = Played::start(Some("localhost")).await;
    let plain = Played::start(None).await;
    for (told, why) in [
        (other.write(Some(&other.ca)).await, "certificate"),
        (ours.write(Some(&other.ca)).await, "certificate"),
        (ours.write(None).await, "certificate"),
        (plain.write(Some(&plain.ca)).await, "does not support TLS"),
    ] {
        let error = told.unwrap_err();
        assert_eq!(error.code, "DESTINATION_UNREACHABLE");
        assert!(error.message.contains(why), "{error}");
        assert!(!error.message.contains("hunter2"), "{error}");
    }
}

#[test]
fn what_is_no_authority_is_refused_and_not_repeated() {
    let url: SecretString = "postgres://u:p@db.example.com/d".to_owned().into();
    for pem in ["hunter2", "-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n"] {
        let error = Database::new(&url, Some(&pem.to_owned().into()), 1).err().unwrap();
        assert_eq!(error, "ca: is no certificate in PEM");
    }
}
