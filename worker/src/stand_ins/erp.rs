//! The ERP: one order for each idempotency key, and customers by contact.

use serde_json::json;

use super::Records;
use super::server::{Answer, Request};

pub(super) fn answer(records: &mut Records, asked: &Request<'_>) -> Answer {
    let Some(key) = asked.idempotency_key else {
        return Answer::new(400, json!({ "message": "an Idempotency-Key is required" }));
    };
    match (asked.method, asked.path) {
        ("POST", ["orders"]) => {
            let known = records.orders.contains_key(key);
            let order = records.orders.entry(key.to_owned()).or_insert_with(|| asked.body.clone());
            Answer::new(if known { 200 } else { 201 }, order.clone())
        }
        ("PUT", ["customers", id]) => {
            let created = records.customers.insert((*id).to_owned());
            Answer::new(if created { 201 } else { 200 }, asked.body.clone())
        }
        ("DELETE", ["customers", id]) if records.customers.remove(*id) => {
            Answer::new(204, json!(null))
        }
        _ => Answer::not_found(),
    }
}
