//! What was posted and could not be done, as it was agreed to: the same plan, of the same moment, to
//! be sent once more. Nothing of it is planned anew by itself.

use actix_web::{HttpMessage as _, HttpRequest};

use super::access::Reach;
use super::form::Posted;
use super::parts::{Moment, Part};
use super::query::Query;
use super::selection::{self, Condition};

/// What can be sent again.
pub(super) struct Offer {
    pub(super) path: String,
    /// What the form had in it, chosen or hidden.
    pub(super) fields: Vec<(String, String)>,
    /// What its button said.
    pub(super) said: String,
    pub(super) conditions: Vec<Condition>,
    pub(super) cutoff: Option<Part<Moment>>,
    pub(super) rate: Option<String>,
    /// Where to plan it anew instead, if it was planned.
    pub(super) anew: Option<String>,
}

impl Offer {
    /// What `request` has posted.
    pub(super) fn of(request: &HttpRequest, now_ms: i64) -> Self {
        let path = request.path().to_owned();
        let form = request.extensions().get::<Posted>().map(|form| form.0.clone());
        let form = form.unwrap_or_default();
        let filter = form.get("filter").and_then(|filter| Query::read(filter).ok());
        let filter = filter.map(|filter| selection::selection_of(&filter, &Reach::All).filter);
        let plan = form.get("filter").or(form.get("question"));
        let cutoff_ms = form.number("cutoff_ms").ok().flatten();
        Self {
            said: form.get("said").unwrap_or("Send it").to_owned(),
            conditions: filter.as_ref().map(selection::words).unwrap_or_default(),
            cutoff: cutoff_ms.map(|ms| Moment::new(ms, now_ms)),
            rate: form.get("rate").map(str::to_owned),
            anew: plan.map(|plan| format!("{path}?{plan}")),
            fields: form.into_pairs(),
            path,
        }
    }
}
