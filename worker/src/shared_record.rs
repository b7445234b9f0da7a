//! The record that an event is about, read once for all targets that ask for it.
//!
//! Owns that each sees of it what it has asked for, whatever the others have. It lives as long as its delivery:
//! another event, or another attempt, reads what the record is then.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::error::HandlerError;

/// So many properties are asked for at once: they stand in an address.
const MOST: usize = 100;

/// A record that several targets of one delivery ask for.
pub(crate) struct SharedRecord {
    /// All that any of them asks for.
    properties: BTreeSet<String>,
    /// `None` if the record is no longer there.
    read: OnceCell<Option<Value>>,
}

/// Leaves out what was read: it is about people.
impl fmt::Debug for SharedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRecord").field("properties", &self.properties).finish_non_exhaustive()
    }
}

impl SharedRecord {
    /// For targets that ask for these; `None` if no two do, or for too many.
    pub(crate) fn of<'a>(asked: impl Iterator<Item = &'a BTreeSet<String>>) -> Option<Arc<Self>> {
        let asked: Vec<_> = asked.collect();
        if asked.len() < 2 {
            return None;
        }
        let properties: BTreeSet<String> = asked.into_iter().flatten().cloned().collect();
        (properties.len() <= MOST).then(|| Arc::new(Self { properties, read: OnceCell::new() }))
    }

    /// All that is to be asked for.
    pub(crate) fn properties(&self) -> &BTreeSet<String> {
        &self.properties
    }

    /// The record with what HubSpot gives unasked, and of the others' properties none but `own`. `read` reads all of
    /// them; if it fails, that is its target's failure alone, and the next one reads.
    pub(crate) async fn get(
        &self,
        own: &BTreeSet<String>,
        read: impl Future<Output = Result<Option<Value>, HandlerError>>,
    ) -> Result<Option<Value>, HandlerError> {
        let mut record = self.read.get_or_try_init(|| read).await?.clone();
        if let Some(Value::Object(properties)) = &mut record {
            properties.retain(|name, _| own.contains(name) || !self.properties.contains(name));
        }
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use serde_json::json;

    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[tokio::test]
    async fn it_is_read_once_and_each_sees_what_it_has_asked_for() {
        let (one, other) = (names(&["amount"]), names(&["dealname", "amount"]));
        assert!(SharedRecord::of([&one].into_iter()).is_none(), "nobody to share it with");
        let record = SharedRecord::of([&one, &other].into_iter()).unwrap();
        assert_eq!(*record.properties(), other);
        let failing = async { Err(HandlerError::transient("HUBSPOT_5XX", "503")) };
        record.get(&one, failing).await.unwrap_err();
        let read = json!({ "amount": "7", "dealname": "A roof", "hs_object_id": "1" });
        let reading = async { Ok(Some(read.clone())) };
        let seen = record.get(&one, reading).await.unwrap().unwrap();
        assert_eq!(seen, json!({ "amount": "7", "hs_object_id": "1" }));
        let again = async { panic!("read twice") };
        assert_eq!(record.get(&other, again).await.unwrap().unwrap(), read);
        assert!(!format!("{record:?}").contains("A roof"), "it is shown");
    }

    #[test]
    fn no_address_is_longer_than_it_may_be() {
        let many = |prefix: &str| (0..60).map(|n| format!("{prefix}_{n}")).collect();
        let (one, other): (BTreeSet<String>, BTreeSet<String>) = (many("a"), many("b"));
        assert!(SharedRecord::of([&one, &one].into_iter()).is_some());
        assert!(SharedRecord::of([&one, &other].into_iter()).is_none());
    }
}
