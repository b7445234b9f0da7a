//! A deal as HubSpot's stand-in has it: what it is, and what it was.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A deal and its contacts.
#[derive(Debug, Default)]
pub(super) struct Deal {
    pub(super) properties: BTreeMap<String, String>,
    /// What each property was, and since when: the newest last.
    pub(super) history: BTreeMap<String, Vec<(i64, String)>>,
    pub(super) contact_ids: Vec<u64>,
}

impl Deal {
    pub(super) fn change(&mut self, properties: &[(&str, &str)], contact_ids: &[u64], at_ms: i64) {
        contact_ids.clone_into(&mut self.contact_ids);
        let before = std::mem::take(&mut self.properties);
        for (name, value) in properties {
            if before.get(*name).map(String::as_str) != Some(value) {
                let history = self.history.entry((*name).to_owned()).or_default();
                history.push((at_ms, (*value).to_owned()));
            }
            self.properties.insert((*name).to_owned(), (*value).to_owned());
        }
    }

    /// As HubSpot has it: the newest first.
    pub(super) fn history(&self, name: &str) -> Value {
        let versions = self.history.get(name).map(Vec::as_slice).unwrap_or_default().iter().rev();
        versions
            .map(|(at_ms, value)| {
                let timestamp = crate::when::exact(*at_ms);
                json!({ "value": value, "timestamp": timestamp, "sourceType": "CRM_UI" })
            })
            .collect()
    }
}
