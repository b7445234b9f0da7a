//! HubSpot's API as far as it is called: deals, their contacts, stages, batches, and the account.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::exchange::{Answer, Request};
use super::state::Records;

/// The most records that one batch may hold.
const MAX_BATCH: usize = 100;

/// The largest page of associations.
const MAX_PAGE: usize = 500;

pub(super) fn answer(records: &mut Records, asked: &Request<'_>) -> Answer {
    match (asked.method, asked.path) {
        ("GET", ["crm", "v3", "objects", "deals", id]) => deal(records, id, asked),
        ("GET", ["crm", "v4", "objects", "deals", id, "associations", "contacts"]) => {
            contacts_of(records, id, asked)
        }
        ("GET", ["crm", "v3", "objects", "contacts", id]) => contact(records, id),
        ("GET", ["crm", "v3", "pipelines", "deals"]) => pipeline(&records.stages),
        ("GET", ["crm", "v3", "pipelines", "tickets"]) => pipeline(&records.ticket_stages),
        ("POST", ["crm", "v3", "objects", "contacts", "batch", "update"]) => {
            update(records, asked.body)
        }
        ("GET", ["account-info", _, "details"]) => match portal_of(records, asked) {
            Some(portal) => {
                let domain = records.ui_domain.as_deref().unwrap_or("app.hubspot.com");
                let body =
                    json!({ "portalId": portal, "uiDomain": domain, "timeZone": "Europe/Berlin" });
                Answer::new(200, body)
            }
            None => Answer::new(
                403,
                json!({ "status": "error", "category": "MISSING_SCOPES", "message": "the token lacks a scope" }),
            ),
        },
        ("DELETE", ["appinstalls", "2026-09", "external-install"]) => {
            if let Some(portal) = portal_of(records, asked) {
                records.oauth.revoke(portal);
            }
            Answer::new(204, Value::Null)
        }
        _ => missing(),
    }
}

fn pipeline(stages: &BTreeMap<String, String>) -> Answer {
    let stages = stages.iter().map(|(id, label)| json!({ "id": id, "label": label }));
    let stages: Vec<_> = stages.collect();
    let pipeline = json!({ "id": "default", "label": "Sales", "stages": stages });
    Answer::new(200, json!({ "results": [pipeline] }))
}

/// The portal that the token is for.
fn portal_of(records: &Records, asked: &Request<'_>) -> Option<u64> {
    let granted = asked.token.and_then(|token| records.oauth.access_tokens.get(token));
    granted.copied().or(records.portal)
}

fn deal(records: &Records, id: &str, asked: &Request<'_>) -> Answer {
    let Some(deal) = number(id).and_then(|id| records.deals.get(&id)) else { return missing() };
    let names = |parameter| asked.query(parameter).map(|names| names.replace("%2C", ","));
    let each = |names: String, value: &dyn Fn(&str) -> Value| -> Map<String, Value> {
        names.split(',').map(|name| (name.to_owned(), value(name))).collect()
    };
    // As HubSpot does: what was asked for and has no value is null.
    let property = |name: &str| json!(deal.properties.get(name));
    let properties = each(names("properties").unwrap_or_default(), &property);
    let mut answer = json!({ "id": id, "properties": properties, "archived": false });
    if let Some(names) = names("propertiesWithHistory") {
        answer["propertiesWithHistory"] = each(names, &|name| deal.history(name)).into();
    }
    Answer::new(200, answer)
}

fn contact(records: &Records, id: &str) -> Answer {
    let Some(mut id) = number(id) else { return missing() };
    while let Some(into) = records.merged.get(&id) {
        id = *into;
    }
    match records.contacts.get(&id) {
        Some(properties) => {
            Answer::new(200, json!({ "id": id.to_string(), "properties": properties }))
        }
        None => missing(),
    }
}

fn contacts_of(records: &Records, id: &str, asked: &Request<'_>) -> Answer {
    let Some(deal) = number(id).and_then(|id| records.deals.get(&id)) else { return missing() };
    let asked_size = asked.query("limit").and_then(|limit| limit.parse().ok());
    let size = asked_size.unwrap_or(MAX_PAGE).min(records.page_size.unwrap_or(MAX_PAGE)).max(1);
    let begin = asked.query("after").and_then(|after| after.parse().ok()).unwrap_or(0_usize);
    let rest = deal.contact_ids.get(begin..).unwrap_or_default();
    let results: Vec<_> = rest
        .iter()
        .take(size)
        .map(|id| json!({ "toObjectId": id, "associationTypes": [] }))
        .collect();
    let mut page = json!({ "results": results });
    if rest.len() > size {
        page["paging"] = json!({ "next": { "after": (begin + size).to_string() } });
    }
    Answer::new(200, page)
}

fn update(records: &mut Records, body: &Value) -> Answer {
    let inputs = body["inputs"].as_array().map_or(&[][..], Vec::as_slice);
    let ids: BTreeSet<_> = inputs.iter().filter_map(|input| input["id"].as_str()).collect();
    if inputs.is_empty() || inputs.len() > MAX_BATCH || ids.len() != inputs.len() {
        return Answer::new(
            400,
            json!({ "category": "VALIDATION_ERROR", "message": "1 to 100 inputs, no id twice" }),
        );
    }
    let spoiling = ids.iter().filter_map(|id| number(id)).find(|id| records.spoiling.contains(id));
    if spoiling.is_some() {
        let message = "Property values were not valid";
        let body = json!({ "status": "error", "category": "VALIDATION_ERROR", "message": message });
        return Answer::new(400, body);
    }
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in inputs {
        let id = &input["id"];
        let contact = id.as_str().and_then(number);
        let refused = contact.and_then(|id| records.refused_contacts.get(&id)).cloned();
        let known = contact.and_then(|id| records.contacts.get_mut(&id));
        match (refused, known) {
            (None, Some(properties)) => {
                for (name, value) in input["properties"].as_object().into_iter().flatten() {
                    properties.insert(name.clone(), value.as_str().unwrap_or_default().to_owned());
                }
                results.push(json!({ "id": id, "properties": input["properties"] }));
            }
            (refused, _) => {
                let category = refused.unwrap_or_else(|| "OBJECT_NOT_FOUND".to_owned());
                errors.push(json!({ "status": "error", "category": category, "message": "refused", "context": { "ids": [id] } }));
            }
        }
    }
    if errors.is_empty() {
        Answer::new(200, json!({ "status": "COMPLETE", "results": results }))
    } else {
        Answer::new(
            207,
            json!({ "status": "COMPLETE", "results": results, "numErrors": errors.len(), "errors": errors }),
        )
    }
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

fn missing() -> Answer {
    Answer::new(
        404,
        json!({ "status": "error", "category": "OBJECT_NOT_FOUND", "message": "resource not found" }),
    )
}
