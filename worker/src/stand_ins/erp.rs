//! The ERP: one order for each idempotency key, and customers by contact. As the draft of the header
//! wants it, a key that comes with another body is refused.

use serde_json::json;

use super::Records;
use super::server::{Answer, Request};

pub(super) fn answer(records: &mut Records, asked: &Request<'_>) -> Answer {
    match (asked.method, asked.path) {
        ("POST", ["orders"]) => order(records, asked),
        ("PUT", ["customers", id]) => {
            let created = records.customers.insert(id, ());
            Answer::new(if created { 201 } else { 200 }, asked.body.clone())
        }
        ("DELETE", ["customers", id]) if records.customers.remove(id) => {
            Answer::new(204, json!(null))
        }
        _ => Answer::not_found(),
    }
}

fn order(records: &mut Records, asked: &Request<'_>) -> Answer {
    let Some(key) = asked.idempotency_key else {
        return Answer::new(400, json!({ "message": "an Idempotency-Key is required" }));
    };
    match records.orders.get(key) {
        Some(known) if known == asked.body => Answer::new(200, known.clone()),
        Some(_) => Answer::new(422, json!({ "message": "the key was used with another body" })),
        None => {
            records.orders.insert(key, asked.body.clone());
            Answer::new(201, asked.body.clone())
        }
    }
}
