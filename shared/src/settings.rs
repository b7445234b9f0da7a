//! Settings both programs share, and how settings are read: environment variables and the same
//! flags, every secret also from a file. Nothing outside the `settings` modules reads the
//! environment.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use lapin::uri::AMQPUri;
use secrecy::{ExposeSecret, SecretString};

mod trace;

pub use trace::TraceSettings;

/// The largest secret file that is read, in bytes.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// How to reach the broker, and the names used there.
#[derive(Args, Clone, Debug)]
pub struct BrokerSettings {
    /// RabbitMQ's address; `%2f` (or nothing) as the path is the default vhost
    #[arg(long, env, hide_env_values = true, default_value = "amqp://127.0.0.1:5672/%2f")]
    pub amqp_url: SecretString,
    /// File that holds AMQP_URL
    #[arg(long, env, value_name = "FILE")]
    pub amqp_url_file: Option<PathBuf>,
    /// First part of every name on the broker and in Redis
    #[arg(long, env, default_value = "hubline", value_parser = parse_prefix)]
    pub prefix: String,
    /// Number of work queues; a portal's events always go to the same one
    #[arg(long, env, default_value = "4", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub work_shards: u32,
}

impl BrokerSettings {
    /// The broker's address, from the file if one is named.
    pub fn url(&self) -> anyhow::Result<AMQPUri> {
        let from_file = secret("AMQP_URL", None, self.amqp_url_file.as_deref())?;
        let url = from_file.as_ref().unwrap_or(&self.amqp_url);
        // The parser's message may quote the URL, and with it the password.
        let mut uri: AMQPUri = url.expose_secret().parse().map_err(|_| {
            anyhow::anyhow!(
                "AMQP_URL is not an AMQP address: write it as amqp://user:password@host:5672/vhost"
            )
        })?;
        anyhow::ensure!(
            !uri.vhost.is_empty(),
            "AMQP_URL ends in `/`, which names a vhost without a name: drop the slash or write `/%2f` for the default vhost"
        );
        // Finds a dead peer within 20 s; RabbitMQ's own default is 60 s.
        uri.query.heartbeat.get_or_insert(10);
        Ok(uri)
    }
}

/// Where and how to log.
#[derive(Args, Clone, Debug)]
pub struct LogSettings {
    /// Least severe level that is logged, or a filter such as `info,worker=debug`
    #[arg(long, env, default_value = "info")]
    pub log_level: String,
    /// `json`, `pretty`, or `auto`: pretty on a terminal, else JSON
    #[arg(long, env, default_value = "auto", hide_possible_values = true)]
    pub log_format: LogFormat,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Pretty on a terminal, else JSON.
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// Reads a duration as it is written in settings: `200ms`, `5s`, `6h`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write a number and a unit, e.g. 200ms, 5s, 10min, 6h"))
}

/// Reads a size in bytes: `1048576`, `512KiB`, `16MiB`.
pub fn parse_bytes(text: &str) -> Result<usize, String> {
    let (number, unit) =
        text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit.trim() {
        "" | "B" => 1_usize,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("write a number of bytes, or one with KiB, MiB or GiB".to_owned()),
    };
    number
        .parse::<usize>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| "write a number of bytes, or one with KiB, MiB or GiB".to_owned())
}

fn parse_prefix(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if text.is_empty() || text.len() > 100 || !text.chars().all(allowed) {
        return Err("use 1 to 100 letters, digits, `-`, `_` or `.`".to_owned());
    }
    Ok(text.to_owned())
}

/// A secret from its setting or from the file its `…_FILE` twin names; both at once is an
/// error. An empty setting counts as none, since templates often leave empty variables behind.
pub fn secret(
    name: &str,
    value: Option<&SecretString>,
    file: Option<&Path>,
) -> anyhow::Result<Option<SecretString>> {
    let value = value.filter(|value| !value.expose_secret().trim().is_empty());
    let Some(file) = file else { return Ok(value.cloned()) };
    anyhow::ensure!(value.is_none(), "set {name} or {name}_FILE, not both");
    let describe = |error| anyhow::anyhow!("{name}_FILE: cannot read {}: {error}", file.display());
    let size = std::fs::metadata(file).map_err(describe)?.len();
    anyhow::ensure!(
        size <= MAX_SECRET_BYTES,
        "{name}_FILE: {} is too large for a secret",
        file.display()
    );
    let text = std::fs::read_to_string(file).map_err(describe)?;
    // Editors and `echo` end a file with a newline that is not part of the secret.
    let text = text.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(!text.is_empty(), "{name}_FILE: {} is empty", file.display());
    Ok(Some(SecretString::from(text.to_owned())))
}

/// Refuses two listeners on one address, which would fail later and less clearly.
pub fn distinct_listeners(listeners: &[(&str, SocketAddr)]) -> anyhow::Result<()> {
    for (index, (name, address)) in listeners.iter().enumerate() {
        for (other, taken) in &listeners[..index] {
            anyhow::ensure!(
                address != taken || address.port() == 0,
                "{name} and {other} are both {address}: give each its own port"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    fn broker(url: &str) -> BrokerSettings {
        BrokerSettings {
            amqp_url: SecretString::from(url.to_owned()),
            amqp_url_file: None,
            prefix: "hubline".to_owned(),
            work_shards: 1,
        }
    }

    #[test]
    fn sizes_are_read_with_and_without_units() {
        assert_eq!(parse_bytes("16MiB"), Ok(16 * 1024 * 1024));
        assert_eq!(parse_bytes("1000"), Ok(1000));
        assert!(parse_bytes("16MB").is_err());
        assert!(parse_bytes("99999999999GiB").is_err());
        assert!(parse_bytes("").is_err());
    }

    #[test]
    fn an_address_error_does_not_show_the_password() {
        for url in
            ["amqp://user:hunter2@", "http://user:hunter2@host/", "amqp://user:hunter2@host/"]
        {
            let settings = broker(url);
            let error = format!("{:#} {settings:?}", settings.url().unwrap_err());
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn an_address_without_a_heartbeat_gets_one() {
        assert_eq!(broker("amqp://host/%2f").url().unwrap().query.heartbeat, Some(10));
        assert_eq!(broker("amqp://host/%2f?heartbeat=3").url().unwrap().query.heartbeat, Some(3));
    }

    #[test]
    fn an_empty_secret_counts_as_none() {
        let blank = SecretString::from(" ".to_owned());
        assert!(secret("X", Some(&blank), None).unwrap().is_none());
    }

    #[test]
    fn prefixes_that_could_break_names_are_refused() {
        assert!(parse_prefix("hubline-eu.1").is_ok());
        for bad in ["", "a b", "a{b}", "a/b"] {
            assert!(parse_prefix(bad).is_err(), "{bad}");
        }
    }
}
