//! What the stand-ins know, have been told, and were asked. Owns how much of it is remembered.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

use super::deal::Deal;
use super::fault::Fault;
use super::kept::{Kept, MOST};
use super::oauth::Oauth;

/// One request that a stand-in was sent, in the order of arrival.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Call {
    /// `hubspot`, `slack`, `erp`, `onboarding` or `destinations`.
    pub api: String,
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query as the system itself would see them: `/orders`.
    pub path: String,
    /// The `Idempotency-Key` header.
    pub idempotency_key: Option<String>,
    /// The portal that its token is of, if that came of a portal's consent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub portal: Option<u64>,
    /// The body, `null` if it is empty or no JSON.
    pub body: Value,
    /// What it was answered with.
    pub status: u16,
}

/// What the stand-ins know and have been told.
#[derive(Default)]
pub(super) struct State {
    pub(super) records: Mutex<Records>,
    pub(super) arrivals: watch::Sender<u64>,
}

/// What they know, and what they were asked.
#[derive(Default)]
pub(super) struct Records {
    pub(super) calls: VecDeque<Call>,
    pub(super) calls_forgotten: u64,
    pub(super) faults: Vec<Fault>,
    pub(super) deals: BTreeMap<u64, Deal>,
    pub(super) contacts: BTreeMap<u64, BTreeMap<String, String>>,
    pub(super) merged: BTreeMap<u64, u64>,
    pub(super) refused_contacts: BTreeMap<u64, String>,
    pub(super) spoiling: BTreeSet<u64>,
    pub(super) stages: BTreeMap<String, String>,
    pub(super) ticket_stages: BTreeMap<String, String>,
    pub(super) page_size: Option<usize>,
    pub(super) portal: Option<u64>,
    pub(super) ui_domain: Option<String>,
    pub(super) portal_asked: usize,
    pub(super) tokens: BTreeMap<String, String>,
    pub(super) oauth: Oauth,
    pub(super) orders: Kept<Value>,
    pub(super) customers: Kept<()>,
}

impl Records {
    /// Remembers a call, and forgets the oldest if there are too many.
    pub(super) fn note(&mut self, call: Call) {
        if self.calls.len() == MOST {
            self.calls.pop_front();
            self.calls_forgotten += 1;
        }
        self.calls.push_back(call);
    }
}

impl State {
    pub(super) fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
