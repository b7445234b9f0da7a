//! Makes contacts customers, in batches, and remembers which ones are done.
//!
//! Owns what HubSpot's 207 means: some contacts of a batch failed, and only they are tried
//! again; and that a batch may be refused for one of its contacts. It refuses to try for ever what
//! HubSpot will refuse again.

mod pass;

use std::collections::{BTreeMap, BTreeSet};

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::id::Id;
use super::{HubSpot, Presence, Subject, version};
use crate::clients::http::{Reply, plain};
use crate::error::HandlerError;
use pass::{Fates, Note, Pass};

/// Contacts that an error names beside the first.
const MOST_NAMED: usize = 50;

/// Longest reason that is kept with a contact, in characters.
const MAX_REASON: usize = 200;

/// Refusals of a batch that are about some of its contacts, though HubSpot does not say which.
const WHOLE: [&str; 4] = ["HUBSPOT_400", "HUBSPOT_404", "HUBSPOT_409", "HUBSPOT_422"];

impl HubSpot<'_> {
    /// Sets `lifecyclestage` to `customer` on the contacts.
    ///
    /// Each request is a step that remembers what became of its contacts: a later attempt leaves
    /// alone who is settled, and goes on where this one ended, however its batches fall. Contacts that
    /// no longer exist are settled. A batch that is refused as a whole is taken apart, until those are
    /// alone that it was refused for. If some failed it is transient (`HUBSPOT_CONTACTS_FAILED`); if
    /// HubSpot refused some for good and none else failed, permanent (`HUBSPOT_CONTACTS_REFUSED`): all
    /// others are done then. After either all that are left are asked for anew.
    pub async fn set_lifecycle_customer(&self, contact_ids: &[u64]) -> Result<(), HandlerError> {
        let mut pass = Pass::of(contact_ids.iter().copied().collect());
        let mut number = 0;
        loop {
            let name = format!("lifecycle-{number}");
            // What is remembered first, of whichever batch it is.
            let batch = if self.run.is_done(&name) { Some(BTreeSet::new()) } else { pass.next() };
            let Some(batch) = batch else { break };
            pass.take(self.run.step(&name, self.update(&batch)).await?);
            number += 1;
        }
        let end = conclude(contact_ids.len(), &pass.refused, &pass.failed);
        if end.is_err() {
            let over = async { Ok(Note::Over) };
            self.run.step(&format!("lifecycle-{number}"), over).await?;
        }
        end
    }

    async fn update(&self, batch: &BTreeSet<u64>) -> Result<Note, HandlerError> {
        let path = [&version::OBJECTS[..], &["contacts", "batch", "update"]].concat();
        let inputs: Vec<_> = batch
            .iter()
            .map(|id| json!({ "id": id.to_string(), "properties": { "lifecyclestage": "customer" } }))
            .collect();
        let request =
            self.api.http.request(Method::POST, &path, &[]).json(&json!({ "inputs": inputs }));
        match self.send(request, Subject::Other).await {
            Ok(reply) => Ok(Note::of(fates_in(&reply, batch)?)),
            Err(error) if error.code == "HUBSPOT_404" && self.is_missing(batch).await? => {
                Ok(Note::Settled(batch.clone()))
            }
            // As a whole: other batches are none the worse for it.
            Err(error) if WHOLE.contains(&&*error.code) => {
                Ok(Note::Whole { batch: batch.clone(), reason: plain(&error.message, MAX_REASON) })
            }
            Err(error) => Err(error),
        }
    }
}

impl HubSpot<'_> {
    /// Whether these are one contact that HubSpot does not know. That a batch is not found does not say
    /// so: it can be the path that is not there any more.
    async fn is_missing(&self, batch: &BTreeSet<u64>) -> Result<bool, HandlerError> {
        match (batch.first(), batch.len()) {
            (Some(id), 1) => Ok(self.contact(*id).await? == Presence::Missing),
            _ => Ok(false),
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
        Some((id, reason)) => {
            let others: Vec<_> =
                refused.keys().skip(1).take(MOST_NAMED).map(u64::to_string).collect();
            let others = if others.is_empty() {
                String::new()
            } else {
                format!("; and {}", others.join(", "))
            };
            let count = refused.len();
            Err(HandlerError::permanent(
                "HUBSPOT_CONTACTS_REFUSED",
                format!("HubSpot refuses {count} of {asked} contacts; {id}: {reason}{others}"),
            ))
        }
    }
}

/// Reads which contacts of `batch` an answer settles. 200 and 201 settle all, and 207 all that
/// no error names: a merged contact's result carries another id, so results are looked at only
/// where an error names nobody.
fn fates_in(reply: &Reply, batch: &BTreeSet<u64>) -> Result<Fates, HandlerError> {
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
        return Ok(Fates { settled: batch.clone(), ..Fates::default() });
    }
    let answer: Answer = reply.json()?;
    let mut fates = Fates::default();
    let mut someone_unnamed = answer.errors.is_empty();
    for fault in &answer.errors {
        let named: BTreeSet<u64> = ids_in(&fault.context).intersection(batch).copied().collect();
        someone_unnamed |= named.is_empty();
        match Fate::of(&fault.category) {
            Fate::Gone => fates.settled.extend(named),
            Fate::Refused => {
                let category = plain(&fault.category, MAX_REASON);
                fates.refused.extend(named.into_iter().map(|id| (id, category.clone())));
            }
            Fate::Passing => fates.failed.extend(named),
        }
    }
    let results: BTreeSet<u64> =
        answer.results.iter().filter_map(|record| record.id.number()).collect();
    for id in batch {
        let named = fates.settled.contains(id)
            || fates.refused.contains_key(id)
            || fates.failed.contains(id);
        if named {
        } else if !someone_unnamed || results.contains(id) {
            fates.settled.insert(*id);
        } else {
            fates.failed.insert(*id);
        }
    }
    Ok(fates)
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
