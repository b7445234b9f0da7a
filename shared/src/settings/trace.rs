//! Where traces go, and how many: OpenTelemetry's own names.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::path::PathBuf;

use clap::Args;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use super::secret::secret;

/// Traces: off unless an endpoint is set.
#[derive(Args, Clone, Debug)]
pub struct TraceSettings {
    #[allow(rustdoc::bare_urls, reason = "a help text")]
    /// Where traces are sent, by OTLP over HTTP, e.g. http://collector:4318 (/v1/traces is appended); unset: no traces
    #[arg(long, env, hide_env_values = true)]
    pub otel_exporter_otlp_endpoint: Option<String>,
    /// Headers sent along with them: name=value,…, values percent-encoded
    #[arg(long, env, hide_env_values = true)]
    pub otel_exporter_otlp_headers: Option<SecretString>,
    /// File that holds OTEL_EXPORTER_OTLP_HEADERS
    #[arg(long, env, value_name = "FILE")]
    pub otel_exporter_otlp_headers_file: Option<PathBuf>,
    /// Share of deliveries that are traced, 0 to 1; decided at the receipt for all that follows
    #[arg(long, env, default_value = "1", value_parser = parse_ratio)]
    pub otel_traces_sampler_arg: f64,
}

impl TraceSettings {
    /// The full address of the collector; `None` turns traces off.
    pub fn endpoint(&self) -> anyhow::Result<Option<Url>> {
        let text = self.otel_exporter_otlp_endpoint.as_deref().unwrap_or_default().trim();
        if text.is_empty() {
            return Ok(None);
        }
        let read = |text: &str| {
            let mut url = Url::parse(text).ok()?;
            let plain = url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none();
            let known = matches!(url.scheme(), "http" | "https") && url.has_host();
            url.path_segments_mut().ok()?.pop_if_empty().extend(["v1", "traces"]);
            (plain && known).then_some(url)
        };
        // Not quoted: it may hold what somebody took for the place of a password.
        read(text).map(Some).ok_or_else(|| {
            anyhow::anyhow!(
                "OTEL_EXPORTER_OTLP_ENDPOINT is not a collector's address: write it as http://host:4318, what lets Hubline in goes into OTEL_EXPORTER_OTLP_HEADERS"
            )
        })
    }

    /// The headers to send along, none of which is ever shown.
    pub fn headers(&self) -> anyhow::Result<HeaderMap> {
        let headers = secret(
            "OTEL_EXPORTER_OTLP_HEADERS",
            self.otel_exporter_otlp_headers.as_ref(),
            self.otel_exporter_otlp_headers_file.as_deref(),
        )?;
        let text = headers.as_ref().map_or("", |headers| headers.expose_secret());
        let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
        let read = |(index, pair)| {
            header(pair).ok_or_else(|| {
                anyhow::anyhow!(
                    "OTEL_EXPORTER_OTLP_HEADERS: number {} is not a header: write name=value,… with values percent-encoded",
                    index + 1
                )
            })
        };
        pairs.enumerate().map(read).collect()
    }

    /// Checks what can be checked before anything is started.
    pub fn check(&self) -> anyhow::Result<()> {
        self.endpoint()?;
        self.headers()?;
        Ok(())
    }
}

fn header(pair: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = pair.split_once('=')?;
    let name = HeaderName::try_from(name.trim()).ok()?;
    let value = percent_encoding::percent_decode_str(value.trim()).collect::<Vec<u8>>();
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

fn parse_ratio(text: &str) -> Result<f64, String> {
    let ratio = text.trim().parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| "write a number from 0 (none) to 1 (all), e.g. 0.1".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    fn settings(endpoint: &str, headers: &str) -> TraceSettings {
        TraceSettings {
            otel_exporter_otlp_endpoint: Some(endpoint.to_owned()),
            otel_exporter_otlp_headers: Some(SecretString::from(headers.to_owned())),
            otel_exporter_otlp_headers_file: None,
            otel_traces_sampler_arg: 1.0,
        }
    }

    #[test]
    fn the_path_of_traces_is_appended_to_the_endpoint() {
        for (endpoint, url) in [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            ("http://collector:4318/", "http://collector:4318/v1/traces"),
            ("https://example.com/otlp/", "https://example.com/otlp/v1/traces"),
        ] {
            assert_eq!(settings(endpoint, "").endpoint().unwrap().unwrap().as_str(), url);
        }
        assert!(settings(" ", "").endpoint().unwrap().is_none());
    }

    #[test]
    fn a_wrong_endpoint_is_refused_without_showing_it() {
        for endpoint in [
            "collector:4318",
            "grpc://collector:4317/hunter2",
            "http://user:hunter2@collector:4318",
            "http://collector:4318?key=hunter2",
            "http://",
        ] {
            let error = settings(endpoint, "").check().unwrap_err().to_string();
            assert!(error.starts_with("OTEL_EXPORTER_OTLP_ENDPOINT "), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn headers_are_decoded_and_never_shown() {
        let settings = settings("http://c", "authorization=Bearer%20hunter2, x-tenant = a=b ,");
        let headers = settings.headers().unwrap();
        assert_eq!(headers["authorization"], "Bearer hunter2");
        assert_eq!(headers["x-tenant"], "a=b");
        let shown = format!("{settings:?} {headers:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_wrong_header_is_named_by_its_place() {
        for headers in ["a=b,hunter2", "a=b,hun ter2=x", "a=b,c=%0Ahunter2", "a=b,=hunter2"] {
            let error = settings("http://c", headers).check().unwrap_err().to_string();
            assert!(error.contains("number 2"), "{error}");
            assert!(!error.contains("ter2"), "{error}");
        }
    }

    #[test]
    fn the_share_is_from_none_to_all() {
        assert_eq!(
            (parse_ratio("0"), parse_ratio("0.25"), parse_ratio("1")),
            (Ok(0.0), Ok(0.25), Ok(1.0))
        );
        for wrong in ["", "-0.1", "1.1", "NaN", "inf", "10%"] {
            assert!(parse_ratio(wrong).is_err(), "{wrong}");
        }
    }
}
