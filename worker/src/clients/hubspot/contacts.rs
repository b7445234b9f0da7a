//! Makes contacts customers, in batches, and remembers which ones are done.
//!
//! Owns what HubSpot's 207 means: some contacts of a batch failed, and only they are tried
//! again. It refuses to try for ever what HubSpot will refuse again.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{HubSpot, Id, Subject, refusal::SETTLED, version};
use crate::clients::http::{Reply, plain};
use crate::error::{Failure, HandlerError};

/// The most records that one batch may hold.
const BATCH: usize = 100;

/// Longest reason that is kept with a contact, in characters.
const MAX_REASON: usize = 200;

/// What became of the contacts of one batch.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    /// Done, or gone: nothing is left to do.
    settled: BTreeSet<u64>,
    /// Refused for good, and why.
    refused: BTreeMap<u64, String>,
    /// To be tried again.
    failed: BTreeSet<u64>,
}

impl HubSpot<'_> {
    /// Sets `lifecyclestage` to `customer` on the contacts.
    ///
    /// Each batch is a step that remembers which contacts are settled: a later attempt leaves
    /// them alone, however its batches fall. Contacts that no longer exist are settled. If some
    /// failed it is transient (`HUBSPOT_CONTACTS_FAILED`); if HubSpot refused some for good and
    /// none else failed, permanent (`HUBSPOT_CONTACTS_REFUSED`): all others are done then.
    pub async fn set_lifecycle_customer(&self, contact_ids: &[u64]) -> Result<(), HandlerError> {
        let mut left: BTreeSet<u64> = contact_ids.iter().copied().collect();
        let mut refused = BTreeMap::new();
        let mut failed = BTreeSet::new();
        for number in 0.. {
            let batch: BTreeSet<u64> = left.iter().copied().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            let mut fresh = None;
            let step = async {
                let outcome = self.update(&batch).await?;
                Ok(fresh.insert(outcome).settled.clone())
            };
            let settled = self.cx.step(&format!("lifecycle-{number}"), step).await?;
            left.retain(|id| !settled.contains(id));
            if let Some(outcome) = fresh {
                left.retain(|id| !batch.contains(id));
                refused.extend(outcome.refused);
                failed.extend(outcome.failed);
            }
        }
        conclude(contact_ids.len(), &refused, &failed)
    }

    async fn update(&self, batch: &BTreeSet<u64>) -> Result<Outcome, HandlerError> {
        let path = [&version::OBJECTS[..], &["contacts", "batch", "update"]].concat();
        let inputs: Vec<_> = batch
            .iter()
            .map(|id| json!({ "id": id.to_string(), "properties": { "lifecyclestage": "customer" } }))
            .collect();
        let request =
            self.api.http.request(Method::POST, &path, &[]).json(&json!({ "inputs": inputs }));
        match self.send(request, Subject::Other).await {
            Ok(reply) => read(&reply, batch),
            // As a whole: other batches are none the worse for it.
            Err(error) if error.code == "HUBSPOT_400" => {
                let reason = plain(&error.message, MAX_REASON);
                let refused = batch.iter().map(|id| (*id, reason.clone())).collect();
                Ok(Outcome { refused, ..Outcome::default() })
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a contact is still there, asked only when the event is old enough for the answer
    /// to mean something: before, HubSpot's index may not know the contact yet.
    pub async fn contact_is_gone(&self, id: u64) -> Result<bool, HandlerError> {
        // At the first try the event itself says that it is there; later it may have gone.
        if self.cx.attempt() == 0 && self.cx.age() < SETTLED {
            return Ok(false);
        }
        let path = id.to_string();
        let path = [&version::OBJECTS[..], &["contacts", &path]].concat();
        let request = self.api.http.request(Method::GET, &path, &[("properties", "hs_object_id")]);
        match self.send(request, Subject::Record).await {
            Ok(_) => Ok(false),
            // A young record's absence is transient, and passes on as that.
            Err(error) if error.code == "HUBSPOT_404" && error.kind == Failure::Permanent => {
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }
}

fn conclude(
    asked: usize,
    refused: &BTreeMap<u64, String>,
    failed: &BTreeSet<u64>,
) -> Result<(), HandlerError> {
    if !failed.is_empty() {
        return Err(HandlerError::transient(
            "HUBSPOT_CONTACTS_FAILED",
            format!("{} of {asked} contacts could not be updated", failed.len()),
        ));
    }
    match refused.first_key_value() {
        None => Ok(()),
        Some((id, reason)) => Err(HandlerError::permanent(
            "HUBSPOT_CONTACTS_REFUSED",
            format!("HubSpot refuses {} of {asked} contacts; {id}: {reason}", refused.len()),
        )),
    }
}

/// Reads which contacts of `batch` an answer settles. 200 and 201 settle all, and 207 all that
/// no error names: a merged contact's result carries another id, so results are looked at only
/// where an error names nobody.
fn read(reply: &Reply, batch: &BTreeSet<u64>) -> Result<Outcome, HandlerError> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        results: Vec<Record>,
        #[serde(default)]
        errors: Vec<Fault>,
    }
    #[derive(Deserialize)]
    struct Record {
        id: Id,
    }
    #[derive(Deserialize)]
    struct Fault {
        #[serde(default)]
        category: String,
        #[serde(default)]
        context: Value,
    }
    if reply.status != StatusCode::MULTI_STATUS {
        return Ok(Outcome { settled: batch.clone(), ..Outcome::default() });
    }
    let answer: Answer = reply.json()?;
    let mut outcome = Outcome::default();
    let mut someone_unnamed = answer.errors.is_empty();
    for fault in &answer.errors {
        let named: BTreeSet<u64> = ids_in(&fault.context).intersection(batch).copied().collect();
        someone_unnamed |= named.is_empty();
        match Fate::of(&fault.category) {
            Fate::Gone => outcome.settled.extend(named),
            Fate::Refused => {
                let category = plain(&fault.category, MAX_REASON);
                outcome.refused.extend(named.into_iter().map(|id| (id, category.clone())));
            }
            Fate::Passing => outcome.failed.extend(named),
        }
    }
    let results: BTreeSet<u64> =
        answer.results.iter().filter_map(|record| record.id.number()).collect();
    for id in batch {
        let named = outcome.settled.contains(id)
            || outcome.refused.contains_key(id)
            || outcome.failed.contains(id);
        if named {
        } else if !someone_unnamed || results.contains(id) {
            outcome.settled.insert(*id);
        } else {
            outcome.failed.insert(*id);
        }
    }
    Ok(outcome)
}

/// What an error's category says of trying again.
enum Fate {
    Gone,
    Refused,
    Passing,
}

impl Fate {
    fn of(category: &str) -> Self {
        const REFUSED: [&str; 5] =
            ["VALIDATION", "INVALID", "PROPERTY", "MISSING_SCOPES", "CONFLICT"];
        match category {
            "OBJECT_NOT_FOUND" | "NOT_FOUND" => Self::Gone,
            category if REFUSED.iter().any(|begin| category.starts_with(begin)) => Self::Refused,
            // Unknown ones too: attempts are bounded.
            _ => Self::Passing,
        }
    }
}

/// The ids in an error's `context`, such as `{"ids":["1","2"]}` or `{"id":["1"]}`.
fn ids_in(context: &Value) -> BTreeSet<u64> {
    let lists = context
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| name.to_ascii_lowercase().contains("id"));
    let values = lists.flat_map(|(_, value)| match value {
        Value::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    });
    values.filter_map(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok())).collect()
}

#[cfg(test)]
mod tests;
