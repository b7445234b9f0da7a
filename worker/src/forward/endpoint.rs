//! An HTTP endpoint as it is called: its secrets read.

use std::sync::Arc;

use reqwest::header::HeaderMap;
use reqwest::{Method, Url};

use super::gathering::Gathering;
use super::member::{Kind, Member};
use crate::destination::{Overrides, Signing};
use crate::tenants::Batch;

/// An endpoint, ready.
pub(crate) struct Endpoint {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) signing: Signing,
    /// Its own; those that are secret are marked so.
    pub(crate) headers: HeaderMap,
    /// What of all that is in nothing that is shown of an answer.
    pub(crate) secrets: Vec<String>,
    pub(crate) overrides: Overrides,
    /// Where events gather, if they do. Another version of the file is another outlet, and so another place.
    pub(crate) batching: Option<Batching>,
}

/// How events gather, and who does.
#[derive(Debug)]
pub(crate) struct Batching {
    pub(crate) batch: Batch,
    pub(crate) gathering: Arc<Gathering<Kind, Member>>,
}
