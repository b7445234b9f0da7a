//! A request to a stand-in, and its answer.

use serde_json::{Value, json};

/// What a stand-in answers.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Value,
    /// A page in the body's place, as something in between answers.
    pub(super) page: Option<String>,
}

impl Answer {
    pub(super) fn new(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body, page: None }
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, json!({ "message": "not found" }))
    }
}

/// A request to one stand-in, read.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    /// The path's parts after the stand-in's own.
    pub(super) path: &'a [&'a str],
    pub(super) query: &'a str,
    /// The bearer token that it came with.
    pub(super) token: Option<&'a str>,
    pub(super) idempotency_key: Option<&'a str>,
    pub(super) body: &'a Value,
}

impl Request<'_> {
    /// A query parameter, as it stands.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        let mut pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}
