//! The captured deliveries among the fixtures.

use serde_json::Value;

/// One captured (or constructed, see its provenance) delivery.
#[derive(Clone, Debug)]
pub struct Payload {
    /// Its name among the fixtures.
    pub id: String,
    /// The body: a compact JSON array.
    pub body: String,
    /// How many events it holds.
    pub events: usize,
}

/// All of them.
pub fn payloads() -> Vec<Payload> {
    let all: Vec<Value> =
        serde_json::from_str(include_str!("../../tests/fixtures/payloads.json")).unwrap();
    all.iter()
        .map(|payload| Payload {
            id: payload["id"].as_str().unwrap().to_owned(),
            body: payload["body"].to_string(),
            events: payload["body"].as_array().unwrap().len(),
        })
        .collect()
}
