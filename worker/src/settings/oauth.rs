//! Settings of the app that portals install: who it is, with which keys its tokens are kept, and where it is
//! installed. Half a configuration stops the start.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use shared::settings::{parse_listener, secret};

use super::access::{file, filled, url};
use super::console_url::ConsoleUrl;
use super::integrations::{HUBSPOT_API_URL, Optional};
use super::secrets_key::SecretsKeySettings;
use crate::sealed::Keys;

/// A client id, or a scope, that is longer is none.
const LONGEST: usize = 256;
const SCOPES: &str = "oauth";

/// The app, for whoever needs portals' tokens.
#[derive(Args, Clone, Debug, Default)]
pub struct AppSettings {
    /// Client id of the app that portals install; without it there is no OAuth, and HUBSPOT_ACCESS_TOKEN is all
    #[arg(long, env, value_name = "ID", default_value = "", hide_default_value = true)]
    pub hubspot_client_id: String,
    /// What its tokens are sealed with.
    #[command(flatten)]
    pub secrets_key: SecretsKeySettings,
}

/// The app's client secret, where no receiver has it in the same process.
#[derive(Args, Clone, Debug, Default)]
pub struct ClientSecretSettings {
    /// The app's client secret, which tokens are asked for with
    #[arg(long, env, hide_env_values = true)]
    pub hubspot_client_secret: Option<SecretString>,
    /// File that holds HUBSPOT_CLIENT_SECRET
    #[arg(long, env, value_name = "FILE", value_parser = file())]
    pub hubspot_client_secret_file: Option<PathBuf>,
}

/// The app and where it is asked for, for whoever acts in its name by hand.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "The app")]
pub struct ActingSettings {
    /// The app.
    #[command(flatten)]
    pub app: AppSettings,
    /// Its secret.
    #[command(flatten)]
    pub client_secret: ClientSecretSettings,
    /// Where HubSpot's API is
    #[arg(long, env, default_value = HUBSPOT_API_URL)]
    pub hubspot_api_url: String,
}

/// Where the app is installed.
#[derive(Args, Clone, Debug)]
pub struct InstallSettings {
    /// Where portals install the app, at /oauth/install and /oauth/callback; may be public; unset: nowhere
    #[arg(long, env, value_name = "ADDRESS", default_value = "", hide_default_value = true, value_parser = parse_optional_listener)]
    pub oauth_listen: Optional<SocketAddr>,
    #[allow(rustdoc::bare_urls, reason = "a help text")]
    /// Address under which people reach OAUTH_LISTEN, e.g. https://install.example.com: with /oauth/callback
    /// it is the app's redirect URL at HubSpot; http on localhost alone
    #[arg(long, env, value_name = "URL", default_value = "", hide_default_value = true, value_parser = parse_optional_url)]
    pub oauth_public_url: Optional<ConsoleUrl>,
    /// Scopes that the app needs, separated by spaces or commas, as its settings at HubSpot have them
    #[arg(long, env, value_name = "SCOPES", default_value = SCOPES, value_parser = parse_scopes)]
    pub hubspot_scopes: Scopes,
    /// Scopes that it takes where a portal can grant them
    #[arg(long, env, value_name = "SCOPES", default_value = "", hide_default_value = true, value_parser = parse_scopes)]
    pub hubspot_optional_scopes: Scopes,
}

/// Scopes, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(pub Vec<String>);

impl AppSettings {
    /// The client id, if there is OAuth.
    pub fn client_id(&self) -> Option<&str> {
        filled(Some(&self.hubspot_client_id))
    }

    /// The keys, if there are any.
    pub(crate) fn keys(&self) -> anyhow::Result<Option<Keys>> {
        self.secrets_key.keys()
    }

    /// Checks what there has to be beside a client id.
    pub(crate) fn check(
        &self,
        client_secret: Option<&SecretString>,
        has_records: bool,
    ) -> anyhow::Result<()> {
        let keys = self.keys()?;
        let Some(client_id) = self.client_id() else { return Ok(()) };
        anyhow::ensure!(
            client_id.len() <= LONGEST && client_id.bytes().all(|byte| byte.is_ascii_graphic()),
            "HUBSPOT_CLIENT_ID is no client id: it is on the app's page at HubSpot, under Auth"
        );
        anyhow::ensure!(
            keys.is_some(),
            "HUBSPOT_CLIENT_ID is set without SECRETS_KEY: refresh tokens are kept sealed, so make a key with `openssl rand -base64 32`"
        );
        anyhow::ensure!(
            client_secret.is_some(),
            "HUBSPOT_CLIENT_ID is set without HUBSPOT_CLIENT_SECRET: tokens are asked for with both"
        );
        anyhow::ensure!(
            has_records,
            "HUBSPOT_CLIENT_ID is set without DATABASE_URL: that is where portals' refresh tokens are kept"
        );
        Ok(())
    }
}

impl ActingSettings {
    pub(crate) fn url(&self) -> anyhow::Result<Url> {
        url("HUBSPOT_API_URL", &self.hubspot_api_url, HUBSPOT_API_URL)
    }
}

impl ClientSecretSettings {
    /// The secret, if it is set.
    pub fn secret(&self) -> anyhow::Result<Option<SecretString>> {
        client_secret(self.hubspot_client_secret.as_ref(), self.hubspot_client_secret_file.as_ref())
    }
}

/// The client secret of these two settings, without what a file may have around it.
pub(crate) fn client_secret(
    value: Option<&SecretString>,
    file: Option<&PathBuf>,
) -> anyhow::Result<Option<SecretString>> {
    let file = file.map(PathBuf::as_path).filter(|file| !file.as_os_str().is_empty());
    let value = secret("HUBSPOT_CLIENT_SECRET", value, file)?;
    Ok(value.map(|value| SecretString::from(value.expose_secret().trim().to_owned())))
}

impl InstallSettings {
    /// Checks what there has to be beside a listener.
    pub(crate) fn check(&self, app: &AppSettings) -> anyhow::Result<()> {
        if let Some(url) = &self.oauth_public_url {
            anyhow::ensure!(
                url.is_tls() || url.is_local(),
                "OAUTH_PUBLIC_URL must begin with https://: HubSpot sends codes to plain http on localhost alone"
            );
        }
        if self.oauth_listen.is_none() {
            return Ok(());
        }
        anyhow::ensure!(
            app.client_id().is_some(),
            "OAUTH_LISTEN is set without HUBSPOT_CLIENT_ID: there is no app to install"
        );
        anyhow::ensure!(
            self.oauth_public_url.is_some(),
            "OAUTH_LISTEN is set without OAUTH_PUBLIC_URL: HubSpot has to send people back to it"
        );
        anyhow::ensure!(
            !self.hubspot_scopes.0.is_empty(),
            "OAUTH_LISTEN is set without HUBSPOT_SCOPES: the app's settings at HubSpot have them"
        );
        Ok(())
    }
}

fn parse_optional_listener(text: &str) -> Result<Optional<SocketAddr>, String> {
    filled(Some(text)).map(parse_listener).transpose()
}

fn parse_optional_url(text: &str) -> Result<Optional<ConsoleUrl>, String> {
    filled(Some(text)).map(str::parse).transpose()
}

fn parse_scopes(text: &str) -> Result<Scopes, String> {
    let mut scopes = Vec::new();
    for scope in text.split([' ', ',', '\t', '\n', '\r']).filter(|scope| !scope.is_empty()) {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
        if scope.len() > LONGEST || !scope.bytes().all(allowed) {
            return Err("write scopes as HubSpot does, e.g. crm.objects.deals.read".to_owned());
        }
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    Ok(Scopes(scopes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Parsed {
        #[command(flatten)]
        app: AppSettings,
        #[command(flatten)]
        install: InstallSettings,
    }

    const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

    fn parse(flags: &[&str]) -> Result<Parsed, String> {
        let flags = [&["worker"], flags].concat();
        Parsed::try_parse_from(flags).map_err(|error| error.to_string())
    }

    fn check(flags: &[&str], secret: Option<&str>, has_records: bool) -> Result<(), String> {
        let parsed = parse(flags)?;
        let secret = secret.map(|secret| SecretString::from(secret.to_owned()));
        let checked = parsed.app.check(secret.as_ref(), has_records);
        checked
            .and_then(|()| parsed.install.check(&parsed.app))
            .map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn half_an_app_is_refused_and_says_what_is_missing() {
        let (id, key) = (["--hubspot-client-id", "c-1"], ["--secrets-key", KEY]);
        let both = [id, key].concat();
        assert_eq!(check(&[], None, false), Ok(()));
        assert_eq!(check(&key, None, false), Ok(()));
        assert_eq!(check(&both, Some("s"), true), Ok(()));
        for (flags, secret, has_records, said) in [
            (&id[..], Some("s"), true, "SECRETS_KEY"),
            (&both[..], None, true, "HUBSPOT_CLIENT_SECRET"),
            (&both[..], Some("s"), false, "DATABASE_URL"),
        ] {
            let error = check(flags, secret, has_records).unwrap_err();
            assert!(error.contains(said) && !error.contains(KEY), "{error}");
        }
        let empty = ["--hubspot-client-id", "", "--oauth-listen", "", "--oauth-public-url", ""];
        assert_eq!(check(&empty, None, false), Ok(()));
    }

    #[test]
    fn where_it_is_installed_needs_an_app_and_an_address_over_tls() {
        let app = ["--hubspot-client-id", "c-1", "--secrets-key", KEY];
        let listen = ["--oauth-listen", "127.0.0.1:0"];
        let with = |more: &[&str]| check(&[&app, &listen[..], more].concat(), Some("s"), true);
        assert_eq!(with(&["--oauth-public-url", "https://install.example.com"]), Ok(()));
        assert_eq!(with(&["--oauth-public-url", "http://localhost:8092"]), Ok(()));
        assert!(with(&[]).unwrap_err().contains("OAUTH_PUBLIC_URL"));
        assert!(with(&["--oauth-public-url", "http://install.example.com"]).is_err());
        assert!(check(&listen, Some("s"), true).unwrap_err().contains("HUBSPOT_CLIENT_ID"));
    }

    #[test]
    fn scopes_are_read_however_they_are_separated() {
        let scopes =
            |text| parse(&["--hubspot-scopes", text]).map(|parsed| parsed.install.hubspot_scopes.0);
        assert_eq!(scopes("oauth a.b,oauth\n c.d").unwrap(), ["oauth", "a.b", "c.d"]);
        assert!(scopes("oauth <b>").is_err());
    }
}
