//! The one way an HTTP client is made here: no redirects, no proxy from the environment, one
//! TLS provider.

/// A client's builder; timeouts are the caller's.
pub fn builder() -> reqwest::ClientBuilder {
    // reqwest takes the process's provider; an error says that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy()
}
