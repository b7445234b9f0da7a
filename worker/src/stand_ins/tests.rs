//! The stand-ins answer as the systems do, told over plain HTTP.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use serde_json::json;

use super::kept::MOST;
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

#[tokio::test]
async fn calls_are_told_of_without_end() {
    let stand_ins = StandIns::start().await.unwrap();
    let call_before = |number: usize| Call {
        api: "erp".to_owned(),
        method: "GET".to_owned(),
        path: format!("/{number}"),
        idempotency_key: None,
        portal: None,
        body: json!(null),
        status: 404,
    };
    // As many as are remembered, and two more, without the network.
    for number in 0..MOST + 2 {
        stand_ins.state.records().note(call_before(number));
        stand_ins.state.arrivals.send_modify(|arrivals| *arrivals += 1);
    }
    let told = MOST as u64 + 2;
    assert_eq!(stand_ins.calls().len(), MOST, "bounded");
    assert_eq!(stand_ins.calls_after(told), (Vec::new(), told));
    let (remembered, all) = stand_ins.calls_after(1);
    assert_eq!((remembered.len(), remembered[0].path.as_str(), all), (MOST, "/2", told));
    let ((), (status, _)) = tokio::join!(
        stand_ins.wait_after(told),
        call(&stand_ins, "POST", "erp/orders", json!({ "dealId": "7" })),
    );
    assert_eq!(status, 201);
    let (calls, all) = stand_ins.calls_after(told);
    assert_eq!((calls.len(), calls[0].path.as_str(), all), (1, "/orders", told + 1));
}
