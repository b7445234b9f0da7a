//! What of a request is a secret: it is in nothing that is shown of the answer, which may repeat it.
//!
//! Owns what a part of a header or an address is worth hiding, and in which spellings. Short parts are left: they are
//! words, and stand everywhere.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use reqwest::header::HeaderMap;

/// A part of a header is one from this length on, in bytes.
const PART: usize = 4;
/// A query, or a value in one.
const VALUE: usize = 6;
/// A segment of a path that is shorter says where, and lets nobody in.
const SEGMENT: usize = 8;

/// What nobody is to see, in the spellings in which it comes back: as it is, in JSON and in HTML.
pub(crate) fn secrets(headers: &HeaderMap, url: &Url) -> Vec<String> {
    let sensitive = headers.values().filter(|value| value.is_sensitive());
    let sensitive = sensitive.filter_map(|value| value.to_str().ok());
    let mut secrets: Vec<_> = sensitive.flat_map(of_header).chain(of_url(url)).collect();
    let spelt: Vec<_> = secrets.iter().flat_map(|secret| spellings(secret)).collect();
    secrets.extend(spelt);
    secrets.retain(|secret| !secret.is_empty());
    secrets.sort();
    secrets.dedup();
    secrets
}

/// The whole, and what stands behind a scheme: `Bearer …`, `Basic …` with the password in it.
fn of_header(value: &str) -> Vec<String> {
    let mut parts = vec![value.to_owned()];
    if let Some((scheme, rest)) = value.split_once(' ') {
        let rest = rest.trim();
        parts.extend(long(rest, PART));
        let pair = STANDARD.decode(rest).ok().and_then(|pair| String::from_utf8(pair).ok());
        if let Some(pair) = pair.filter(|_| scheme.eq_ignore_ascii_case("basic")) {
            let password = pair.split_once(':').map(|(_, password)| password.to_owned());
            parts.extend(password.as_deref().and_then(|password| long(password, PART)));
            parts.extend(long(&pair, PART));
        }
    }
    parts
}

/// A path with a long segment in it, such a segment, the query, and each value of it.
fn of_url(url: &Url) -> Vec<String> {
    let segments: Vec<_> = url.path().split('/').filter(|part| part.len() >= SEGMENT).collect();
    let path = (!segments.is_empty()).then(|| url.path());
    let query = url.query().unwrap_or_default();
    let values = query.split('&').map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value));
    let parts = segments.iter().copied().chain(path).chain([query]).chain(values);
    let parts: Vec<_> = parts.filter_map(|part| long(part, VALUE)).collect();
    let decoded = |part: &String| {
        let plain = part.replace('+', " ");
        percent_decode_str(&plain).decode_utf8().ok().map(Cow::into_owned)
    };
    let decoded: Vec<_> = parts.iter().filter_map(decoded).collect();
    [parts, decoded].concat()
}

fn long(part: &str, least: usize) -> Option<String> {
    (part.len() >= least).then(|| part.to_owned())
}

fn spellings(secret: &str) -> [String; 3] {
    let json = serde_json::to_string(secret).unwrap_or_default();
    let json = json.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned();
    let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let html = html.replace('"', "&quot;").replace('\'', "&#39;");
    let slashed = json.replace('/', "\\/");
    [json, html, slashed]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use reqwest::header::{AUTHORIZATION, HeaderValue};

    use super::super::beginning;
    use super::*;

    fn shown(header: &str, url: &str, answer: &str) -> String {
        let mut value = HeaderValue::from_str(header).unwrap();
        value.set_sensitive(true);
        let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
        beginning(answer.as_bytes(), &secrets(&headers, &url.parse().unwrap()))
    }

    #[test]
    fn a_part_of_a_header_is_hidden_in_whatever_spelling_it_comes_back() {
        for (header, answer, kept) in [
            ("Bearer s3cr3t-token", "token s3cr3t-token is expired", "token [secret] is expired"),
            ("Bearer s3cr3t-token", "no Bearer s3cr3t-token", "no [secret]"),
            ("Basic YWNtZTpodW50ZXIyIQ==", "not acme:hunter2!", "not [secret]"),
            (
                "Basic YWNtZTpodW50ZXIyIQ==",
                "acme, hunter2! is no password",
                "acme, [secret] is no password",
            ),
            ("Basic YWNtZTpodW50ZXIyIQ==", "YWNtZTpodW50ZXIyIQ==", "[secret]"),
            ("Token a/b\"c&d", r#"{"got":"a/b\"c&d"}"#, r#"{"got":"[secret]"}"#),
            ("Token a/b\"c&d", r#"{"got":"a\/b\"c&d"}"#, r#"{"got":"[secret]"}"#),
            ("Token a/b\"c&d", "<p>a/b&quot;c&amp;d</p>", "<p>[secret]</p>"),
            ("Bearer s3cr3t-token", "Bearer of bad news", "Bearer of bad news"),
        ] {
            assert_eq!(shown(header, "https://example.com/", answer), kept, "{header}");
        }
    }

    #[test]
    fn what_lets_somebody_in_by_an_address_is_hidden_and_where_it_leads_is_not() {
        for (url, answer, kept) in [
            (
                "/in?token=sesame-1",
                "/in?token=sesame-1 was not found",
                "/in?[secret] was not found",
            ),
            ("/in?token=sesame-1", "no sesame-1 here", "no [secret] here"),
            ("/in?token=open%20se%26ame", "no open se&ame here", "no [secret] here"),
            ("/in?token=open+sesame", "no open sesame here", "no [secret] here"),
            ("/hooks/0123456789abcdef", "POST /hooks/0123456789abcdef", "POST [secret]"),
            ("/hooks/0123456789abcdef", "0123456789abcdef is gone", "[secret] is gone"),
            ("/api/v2?a=b", "/api/v2 has no b", "/api/v2 has no b"),
            ("/", "GET / only", "GET / only"),
        ] {
            assert_eq!(
                shown("x-none", &format!("https://example.com{url}"), answer),
                kept,
                "{url}"
            );
        }
    }
}
