//! HubSpot's token endpoint: a code or a refresh token for tokens; what a portal says of itself; and its end.
//!
//! Owns the addresses and their version. No token, code or secret gets into an error.

use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use form_urlencoded::Serializer;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Url};
use secrecy::{ExposeSecret as _, SecretString};

use super::granted::{Granted, PortalDetails};
use super::refusal::Refusal;

/// OAuth v1's addresses end in February 2027.
const TOKEN: [&str; 3] = ["oauth", "2026-09", "token"];
const DETAILS: [&str; 3] = ["account-info", "2026-09", "details"];
/// With DELETE: takes the app from the portal whose token asks.
const INSTALLATION: [&str; 3] = ["appinstalls", "2026-09", "external-install"];
/// Answers are read up to here, in bytes.
const MAX_BODY: usize = 64 * 1024;
/// Longest time to get a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// No longer is waited because HubSpot says so.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// Where tokens are asked for, and as whom.
pub(crate) struct Endpoint {
    client: Client,
    base: Url,
    client_id: String,
    client_secret: SecretString,
}

/// Leaves out everything that may hold a secret.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// That of the API at `base`.
    pub(crate) fn new(
        base: Url,
        client_id: String,
        client_secret: SecretString,
        timeout: Duration,
    ) -> anyhow::Result<Self> {
        let client = shared::http_client::builder()
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .timeout(timeout)
            .user_agent(concat!("hubline/", env!("CARGO_PKG_VERSION")));
        // Plain HTTP needs no certificates.
        let client = if base.scheme() == "http" { client.tls_certs_only([]) } else { client };
        let client = client
            .build()
            .map_err(reqwest::Error::without_url)
            .context("cannot call HubSpot over TLS: are CA certificates installed?")?;
        Ok(Self { client, base, client_id, client_secret })
    }

    /// Which app it is.
    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Tokens for a refresh token.
    pub(super) async fn refresh(&self, refresh_token: &SecretString) -> Result<Granted, Refusal> {
        let token = refresh_token.expose_secret();
        self.grant(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// Tokens for the code that a person's consent has brought to `redirect_uri`.
    pub(crate) async fn exchange(
        &self,
        code: &SecretString,
        redirect_uri: &str,
    ) -> Result<Granted, Refusal> {
        let code = code.expose_secret();
        let pairs =
            [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri)];
        self.grant(&pairs).await
    }

    /// What the portal of this token says of itself.
    pub(crate) async fn details(&self, token: &SecretString) -> Result<PortalDetails, Refusal> {
        let request = self.client.get(self.url(&DETAILS)).header(AUTHORIZATION, bearer(token)?);
        serde_json::from_slice(&self.send(request).await?).map_err(|_| later("BAD_RESPONSE"))
    }

    /// Takes the app from the portal of this token.
    pub(super) async fn uninstall(&self, token: &SecretString) -> Result<(), Refusal> {
        let request = self.client.delete(self.url(&INSTALLATION));
        self.send(request.header(AUTHORIZATION, bearer(token)?)).await.map(drop)
    }

    async fn grant(&self, pairs: &[(&str, &str)]) -> Result<Granted, Refusal> {
        let form = Serializer::new(String::new())
            .extend_pairs(pairs)
            .append_pair("client_id", &self.client_id)
            .append_pair("client_secret", self.client_secret.expose_secret())
            .finish();
        let request = self
            .client
            .post(self.url(&TOKEN))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form);
        Granted::read(&self.send(request).await?).ok_or_else(|| later("BAD_RESPONSE"))
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        // Only an address without a host refuses, and settings take no such.
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(path);
        }
        url
    }

    /// The body of a success.
    async fn send(&self, request: RequestBuilder) -> Result<Vec<u8>, Refusal> {
        let mut response = request
            .send()
            .await
            .map_err(|error| later(if error.is_timeout() { "TIMEOUT" } else { "UNREACHABLE" }))?;
        let status = response.status();
        let wait = response.headers().get(RETRY_AFTER).and_then(|wait| wait.to_str().ok());
        let wait = wait.and_then(|wait| wait.trim().parse().ok()).map(Duration::from_secs);
        let wait = wait.map(|wait| wait.min(LONGEST_WAIT));
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(None) => break,
                Ok(Some(chunk)) if body.len() + chunk.len() > MAX_BODY => {
                    return Err(later("BAD_RESPONSE"));
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Err(error) => {
                    return Err(later(if error.is_timeout() { "TIMEOUT" } else { "BROKE_OFF" }));
                }
            }
        }
        if status.is_success() { Ok(body) } else { Err(Refusal::of(status.as_u16(), wait, &body)) }
    }
}

fn bearer(token: &SecretString) -> Result<HeaderValue, Refusal> {
    let bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()));
    let mut bearer = bearer.map_err(|_| later("TOKEN"))?;
    bearer.set_sensitive(true);
    Ok(bearer)
}

fn later(code: &str) -> Refusal {
    Refusal::Later { code: code.to_owned(), wait: None }
}
