//! An HTTP endpoint: its address, how requests to it are signed, and what stands in their heads.

use std::collections::BTreeMap;

use reqwest::Method;

use super::address::Address;
use super::headers::{HeaderText, headers};
use super::secret_ref::SecretRef;
use super::section::Section;
use super::sign::Sign;
use super::value::choice;

/// An endpoint.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Endpoint {
    pub(crate) url: Address,
    /// POST, PUT or PATCH.
    pub(crate) method: Method,
    /// With it the keys `secret` and `previous_secret`.
    pub(crate) sign: Sign,
    /// By their names in lower case.
    pub(crate) headers: BTreeMap<String, HeaderText>,
}

impl Endpoint {
    pub(crate) fn read(section: &Section<'_>) -> Option<Self> {
        let methods = [("POST", Method::POST), ("PUT", Method::PUT), ("PATCH", Method::PATCH)];
        let method = section.optional("method", |value| choice(value, &methods));
        let headers = headers(section);
        let sign = Sign::read(section);
        let url = section.required("url", "\"https://host/path\"", Address::of);
        Some(Self { url: url?, method: method.unwrap_or(Method::POST), sign: sign?, headers })
    }

    /// Where its secrets are.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        let signing = self.sign.secret().into_iter().chain(self.sign.previous_secret());
        let headers = self.headers.values().filter_map(|text| match text {
            HeaderText::Plain(_) => None,
            HeaderText::Secret(reference) => Some(reference),
        });
        signing.chain(headers)
    }
}
