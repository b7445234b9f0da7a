//! What stands before a console and ends TLS, with a certificate of its own making.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A proxy that passes on what it decrypts, byte for byte; ends when dropped.
pub(super) struct TlsProxy {
    listener: Option<TcpListener>,
    name: &'static str,
    address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
}

impl TlsProxy {
    /// Takes a port, for the host `name`.
    pub(super) async fn bind(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener: Some(listener), name, address, accepting: None }
    }

    /// Where browsers find it.
    pub(super) fn url(&self) -> String {
        format!("https://{}:{}", self.name, self.address.port())
    }

    /// Begins to pass on to `server` (`host:port`).
    pub(super) fn pass_on_to(&mut self, server: &str) {
        let (listener, server) = (self.listener.take().unwrap(), server.to_owned());
        let acceptor = TlsAcceptor::from(Arc::new(configuration(self.name)));
        self.accepting = Some(tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (acceptor, server) = (acceptor.clone(), server.clone());
                tokio::spawn(async move {
                    // Browsers try things out, and leave.
                    let Ok(mut client) = acceptor.accept(client).await else { return };
                    let Ok(mut server) = TcpStream::connect(server).await else { return };
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        }));
    }
}

impl Drop for TlsProxy {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

fn configuration(name: &str) -> ServerConfig {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let server = versions.unwrap().with_no_client_auth();
    server.with_single_cert(vec![made.cert.der().clone()], key).unwrap()
}
