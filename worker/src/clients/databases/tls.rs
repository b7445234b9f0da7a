//! How a database shows that it is the one that its URL names.
//!
//! Always by a certificate for its host: of an authority that the system knows, or of the one that the
//! destination names, and then of no other.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::tls::TlsConnect;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::bounded::Bounded;

/// Whose certificates are believed.
pub(super) enum Roots {
    Systems,
    Own(Arc<ClientConfig>),
}

impl Roots {
    /// Those in `ca`, as PEM; an empty text has none, and stands for a secret that nobody looked at.
    pub(super) fn of(ca: Option<&SecretString>) -> Result<Self, String> {
        let Some(pem) = ca.map(ExposeSecret::expose_secret).filter(|pem| !pem.is_empty()) else {
            return Ok(Self::Systems);
        };
        let no_pem = || "is no certificate in PEM".to_owned();
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            roots.add(certificate.map_err(|_| no_pem())?).map_err(|_| no_pem())?;
        }
        if roots.is_empty() { Err(no_pem()) } else { Ok(Self::Own(believing(roots)?)) }
    }

    fn config(&self) -> Result<Arc<ClientConfig>, String> {
        match self {
            Self::Own(config) => Ok(Arc::clone(config)),
            Self::Systems => systems(),
        }
    }
}

/// The system's certificates are read once.
fn systems() -> Result<Arc<ClientConfig>, String> {
    static SYSTEMS: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = SYSTEMS.get() {
        return Ok(Arc::clone(config));
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("there is no authority to believe: are CA certificates installed?".to_owned());
    }
    let config = believing(roots)?;
    Ok(Arc::clone(SYSTEMS.get_or_init(|| config)))
}

fn believing(roots: RootCertStore) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// TLS to one host.
pub(super) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    pub(super) fn to(host: &str, roots: &Roots) -> Result<Self, String> {
        // Without the brackets of a URL, and the dot of a name that is looked up as it is.
        let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
        Ok(Self { connector: TlsConnector::from(roots.config()?), name })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Tls {
    type Stream = Bounded<TlsStream<S>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Stream>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move { self.connector.connect(self.name, stream).await.map(Bounded::new) })
    }
}
