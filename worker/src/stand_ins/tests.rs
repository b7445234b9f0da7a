//! The stand-ins answer as the systems do, told over plain HTTP.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use serde_json::json;

use super::*;

async fn call(stand_ins: &StandIns, method: &str, path: &str, body: Value) -> (u16, Value) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let request = client.request(method.parse().unwrap(), stand_ins.url(path));
    let response =
        request.bearer_auth("t").header("Idempotency-Key", "k").json(&body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

#[tokio::test]
async fn a_deal_is_read_with_the_properties_asked_for() {
    let stand_ins = StandIns::start().await.unwrap();
    stand_ins.put_deal(7, &[("dealname", "Big one"), ("amount", "5")], &[]);
    let (status, deal) = call(
        &stand_ins,
        "GET",
        "hubspot/crm/v3/objects/deals/7?properties=dealname,x",
        json!(null),
    )
    .await;
    assert_eq!((status, &deal["properties"]), (200, &json!({ "dealname": "Big one", "x": null })));
    let (status, _) = call(&stand_ins, "GET", "hubspot/crm/v3/objects/deals/8", json!(null)).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn contacts_come_in_pages() {
    let stand_ins = StandIns::start().await.unwrap();
    stand_ins.put_deal(7, &[], &[1, 2, 3]);
    stand_ins.set_page_size(2);
    let path = "hubspot/crm/v4/objects/deals/7/associations/contacts?limit=500";
    let (_, page) = call(&stand_ins, "GET", path, json!(null)).await;
    assert_eq!(page["results"].as_array().map(Vec::len), Some(2));
    let after = page["paging"]["next"]["after"].as_str().unwrap();
    let (_, page) = call(&stand_ins, "GET", &format!("{path}&after={after}"), json!(null)).await;
    assert_eq!((page["results"][0]["toObjectId"].as_u64(), page.get("paging")), (Some(3), None));
}

#[tokio::test]
async fn a_batch_is_updated_in_part() {
    let stand_ins = StandIns::start().await.unwrap();
    stand_ins.put_deal(7, &[], &[1, 2]);
    stand_ins.refuse_contact(2, Some("VALIDATION_ERROR"));
    let input = |id: &str| json!({ "id": id, "properties": { "lifecyclestage": "customer" } });
    let path = "hubspot/crm/v3/objects/contacts/batch/update";
    let inputs = json!({ "inputs": [input("1"), input("2"), input("3")] });
    let (status, answer) = call(&stand_ins, "POST", path, inputs).await;
    assert_eq!((status, &answer["numErrors"]), (207, &json!(2)));
    assert_eq!(stand_ins.contact_property(1, "lifecyclestage").as_deref(), Some("customer"));
    assert_eq!(stand_ins.contact_property(2, "lifecyclestage"), None);
    let (status, _) =
        call(&stand_ins, "POST", path, json!({ "inputs": [input("1"), input("1")] })).await;
    assert_eq!(status, 400, "no id may stand twice");
}

#[tokio::test]
async fn scripted_failures_are_used_up_in_order() {
    let stand_ins = StandIns::start().await.unwrap();
    stand_ins.fail(Fault::new("erp", 503).on("POST", "/orders").times(2));
    stand_ins.fail(Fault::new("erp", 422).on("POST", "/orders"));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(call(&stand_ins, "POST", "erp/orders", json!({})).await.0);
    }
    stand_ins.heal();
    statuses.push(call(&stand_ins, "POST", "erp/orders", json!({})).await.0);
    assert_eq!(statuses, [503, 503, 422, 422, 201]);
    assert_eq!(stand_ins.calls().iter().map(|call| call.status).collect::<Vec<_>>(), statuses);
}
