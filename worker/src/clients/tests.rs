//! The clients that need no ledger, against the stand-ins.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::Path;
use std::time::Duration;

use prometheus_client::registry::Registry;
use serde_json::json;
use shared::testing::within;

use super::*;
use crate::error::Failure;
use crate::stand_ins::{Fault, StandIns};
use crate::trial::Directory;
use erp::Order;
use slack::Message;

struct Bench {
    stand_ins: StandIns,
    registry: Registry,
    clients: Clients,
}

impl Bench {
    async fn new() -> Self {
        Self::with(|_| ()).await
    }

    async fn with(change: impl FnOnce(&mut IntegrationSettings)) -> Self {
        let stand_ins = StandIns::start().await.unwrap();
        let mut settings = stand_ins.settings();
        settings.hubspot_portal_id = Some(62_515);
        change(&mut settings);
        let mut registry = shared::metrics::registry("worker");
        let metrics = WorkerMetrics::register(&mut registry, false);
        let clients = Clients::new(&settings, &Keeper::process(), &metrics, None).unwrap();
        Self { stand_ins, registry, clients }
    }

    fn erp(&self) -> &Erp {
        self.clients.erp().unwrap()
    }

    async fn post(&self) -> Result<(), HandlerError> {
        self.clients.slack().unwrap().say(&Message::new("Deal won", "Big one")).await
    }
}

const KEY: &str = "hubline-order-62515-7-1769081993000";

fn order() -> Order {
    Order {
        portal_id: 62_515,
        deal_id: 7,
        deal_name: Some("Big one".to_owned()),
        amount: Some("5000.10".to_owned()),
        currency: Some("EUR".to_owned()),
        owner_id: None,
        contact_ids: vec![1, 2],
    }
}

#[tokio::test]
async fn an_order_goes_out_as_the_erp_expects_it_and_twice_is_once() {
    let bench = Bench::new().await;
    bench.erp().create_order(&order(), KEY).await.unwrap();
    bench.erp().create_order(&order(), KEY).await.unwrap();
    let order = json!({
        "portalId": 62_515, "dealId": 7, "dealName": "Big one", "amount": "5000.10",
        "currency": "EUR", "ownerId": null, "contactIds": [1, 2],
    });
    assert_eq!(bench.stand_ins.orders(), std::slice::from_ref(&order));
    let calls = bench.stand_ins.calls();
    assert_eq!(calls.len(), 2);
    for call in calls {
        assert_eq!((&*call.method, &*call.path, &call.body), ("POST", "/orders", &order));
        assert_eq!(call.idempotency_key.as_deref(), Some(KEY));
    }
}

#[tokio::test]
async fn an_order_in_progress_is_no_order_yet_and_one_refused_is_permanent() {
    let bench = Bench::new().await;
    bench.stand_ins.fail(Fault::new("erp", 409).times(1));
    bench.stand_ins.fail(Fault::new("erp", 409).header("Retry-After", "7").times(1));
    for retry_after in [None, Some(Duration::from_secs(7))] {
        let error = bench.erp().create_order(&order(), KEY).await.unwrap_err();
        assert_eq!((error.kind, &*error.code), (Failure::Transient { retry_after }, "ERP_409"));
    }
    bench.stand_ins.fail(Fault::new("erp", 422).body(json!({ "message": "amount is missing" })));
    let error = bench.erp().create_order(&order(), KEY).await.unwrap_err();
    assert_eq!((error.kind, &*error.code), (Failure::Permanent, "ERP_422"));
    assert_eq!(error.message, "ERP answered 422: amount is missing");
}

#[tokio::test]
async fn a_page_is_nobodys_answer() {
    let bench = Bench::new().await;
    for status in [200, 404] {
        for api in ["erp", "slack", "onboarding"] {
            let page = "\n<!DOCTYPE html><html><title>Sign in</title></html>";
            bench.stand_ins.fail(Fault::new(api, status).page(page).times(1));
        }
        for error in [
            bench.erp().create_order(&order(), KEY).await.unwrap_err(),
            bench.post().await.unwrap_err(),
            bench.clients.onboarding().unwrap().start(62_515, 42).await.unwrap_err(),
        ] {
            assert_eq!(error.kind, Failure::Transient { retry_after: None }, "{error}");
            assert!(error.code.ends_with("_BAD_RESPONSE"), "{error}");
        }
    }
    bench.stand_ins.fail(Fault::new("erp", 404).page("<html>").times(1));
    let error = bench.erp().delete_customer(42).await.unwrap_err();
    assert_eq!(error.code, "ERP_BAD_RESPONSE");
    assert!(bench.stand_ins.orders().is_empty());
}

#[tokio::test]
async fn a_customer_comes_and_goes_and_may_be_gone_already() {
    let bench = Bench::new().await;
    bench.erp().put_customer(62_515, 42).await.unwrap();
    assert!(bench.stand_ins.customers().contains("42"));
    bench.erp().delete_customer(42).await.unwrap();
    bench.erp().delete_customer(42).await.unwrap();
    assert!(bench.stand_ins.customers().is_empty());
    let calls = bench.stand_ins.calls();
    assert_eq!(calls.iter().map(|call| call.status).collect::<Vec<_>>(), [201, 204, 404]);
    assert!(calls.iter().all(|call| call.idempotency_key.is_none()), "{calls:?}");
}

#[tokio::test]
async fn an_outage_passes_and_a_wait_that_is_asked_for_is_kept() {
    let bench = Bench::new().await;
    bench.stand_ins.fail(Fault::new("slack", 503).times(1));
    bench.stand_ins.fail(Fault::new("slack", 429).header("Retry-After", "7").times(1));
    let error = bench.post().await.unwrap_err();
    assert_eq!((error.kind, &*error.code), (Failure::Transient { retry_after: None }, "SLACK_5XX"));
    let error = bench.post().await.unwrap_err();
    let wait = Duration::from_secs(7);
    assert_eq!((error.kind, &*error.code), (Failure::Deferred { wait }, "SLACK_429"));
    bench.post().await.unwrap();
    let text = shared::metrics::encode(&bench.registry);
    for status in ["2xx", "429", "5xx"] {
        assert!(
            text.contains(&format!(
                r#"hubline_api_calls_total{{api="slack",status="{status}"}} 1"#
            )),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_message_goes_to_the_channel_of_the_settings() {
    let bench = Bench::with(|settings| settings.slack_channel = "C123".to_owned()).await;
    bench.post().await.unwrap();
    let calls =
        within("the message", bench.stand_ins.wait_for(1, |call| call.api == "slack")).await;
    assert_eq!((&*calls[0].path, &calls[0].body["channel"]), ("/chat.postMessage", &json!("C123")));
}

/// The token of the ERP in a file.
fn in_a_file(settings: &mut IntegrationSettings, file: &Path, token: &str) {
    std::fs::write(file, token).unwrap();
    settings.erp_api_key = None;
    settings.erp_api_key_file = Some(file.to_owned());
}

#[tokio::test]
async fn a_refused_call_is_made_once_more_with_another_token() {
    let directory = Directory::new("tokens").unwrap();
    let file = directory.0.join("erp");
    let bench = Bench::with(|settings| in_a_file(settings, &file, "erp-1\n")).await;
    bench.stand_ins.take_only("erp", "erp-1");
    bench.erp().create_order(&order(), KEY).await.unwrap();
    bench.stand_ins.take_only("erp", "erp-2");
    std::fs::write(&file, "erp-2\n").unwrap();
    bench.erp().create_order(&order(), KEY).await.unwrap();
    let statuses = bench.stand_ins.calls().into_iter().map(|call| call.status);
    assert_eq!(statuses.collect::<Vec<_>>(), [201, 401, 200]);
    // No third time: who refuses the other one too is left alone.
    bench.stand_ins.take_only("erp", "erp-4");
    std::fs::write(&file, "erp-3\n").unwrap();
    let error = bench.erp().create_order(&order(), KEY).await.unwrap_err();
    assert!(matches!(error.kind, Failure::Deferred { .. }), "{error}");
    assert_eq!(error.code, "ERP_TOKEN_REFUSED");
    assert!(!error.message.contains("erp-3"), "{error}");
    assert_eq!(bench.stand_ins.calls().len(), 5);
    bench.erp().create_order(&order(), KEY).await.unwrap_err();
    assert_eq!(bench.stand_ins.calls().len(), 5, "paused");
    std::fs::write(&file, "erp-4\n").unwrap();
    // Its file is looked at once a second.
    let taken = async {
        while bench.erp().create_order(&order(), KEY).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within("the good token", taken).await;
    assert_eq!(bench.stand_ins.calls().len(), 6, "not tried with the bad one before");
}

#[tokio::test]
async fn whatever_else_a_service_answers_its_token_is_asked_for_once() {
    let bench = Bench::new().await;
    for status in [403, 422, 503] {
        bench.stand_ins.fail(Fault::new("erp", status).times(1));
        bench.erp().create_order(&order(), KEY).await.unwrap_err();
    }
    bench
        .stand_ins
        .fail(Fault::new("slack", 200).body(json!({ "ok": false, "error": "token_expired" })));
    let error = bench.post().await.unwrap_err();
    assert_eq!(error.code, "SLACK_TOKEN_REFUSED");
    assert!(matches!(error.kind, Failure::Deferred { .. }), "{error}");
    assert_eq!(bench.stand_ins.calls().len(), 4);
}

#[tokio::test]
async fn silence_ends_in_a_timeout() {
    let bench = Bench::with(|settings| settings.api_timeout = Duration::from_millis(50)).await;
    bench.stand_ins.fail(Fault::slow("erp", Duration::from_mins(10)));
    let error = bench.erp().create_order(&order(), KEY).await.unwrap_err();
    assert_eq!(
        (error.kind, &*error.code),
        (Failure::Transient { retry_after: None }, "ERP_TIMEOUT")
    );
}

#[tokio::test]
async fn nobody_listening_is_transient_and_named_without_the_address() {
    let url = "http://127.0.0.1:1/hunter2?key=hunter2".to_owned();
    let bench = Bench::with(|settings| settings.onboarding_url = Some(url)).await;
    let error = bench.clients.onboarding().unwrap().start(62_515, 42).await.unwrap_err();
    assert_eq!(error.code, "ONBOARDING_UNREACHABLE");
    assert_eq!(error.kind, Failure::Transient { retry_after: None });
    assert!(!error.message.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let bench = Bench::new().await;
    let elsewhere = bench.stand_ins.url("slack");
    bench.stand_ins.fail(Fault::new("erp", 307).header("Location", &elsewhere));
    let error = bench.erp().create_order(&order(), KEY).await.unwrap_err();
    assert_eq!((error.kind, &*error.code), (Failure::Permanent, "ERP_307"));
    assert_eq!(bench.stand_ins.calls().len(), 1);
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let bench = Bench::new().await;
    let body = json!({ "ok": true, "padding": "x".repeat(200_000) });
    bench.stand_ins.fail(Fault::new("slack", 200).body(body.clone()));
    let error = bench.post().await.unwrap_err();
    assert_eq!(
        (&*error.code, &*error.message),
        ("SLACK_BAD_RESPONSE", "Slack's answer is too long")
    );
    // The ERP's status says all there is to know.
    bench.stand_ins.fail(Fault::new("erp", 201).body(body));
    bench.erp().create_order(&order(), KEY).await.unwrap();
}

#[tokio::test]
async fn onboarding_starts_under_the_contacts_key() {
    let bench = Bench::new().await;
    bench.clients.onboarding().unwrap().start(62_515, 42).await.unwrap();
    let call = &bench.stand_ins.calls()[0];
    assert_eq!(call.body, json!({ "portalId": 62_515, "contactId": 42 }));
    assert_eq!(call.idempotency_key.as_deref(), Some("hubline-onboarding-62515-42"));
}

#[tokio::test]
async fn neither_the_clients_nor_their_summary_show_a_secret() {
    let bench =
        Bench::with(|settings| settings.onboarding_url = Some("https://host/hunter2".to_owned()))
            .await;
    let shown = format!("{:?} {:?}", bench.clients, bench.clients.summary());
    for secret in ["pat-stand-in", "xoxb-stand-in", "erp-stand-in", "hunter2"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(bench.clients.summary().iter().all(|line| line.contains(": on, http")));
}

#[test]
fn what_is_off_says_so_and_why() {
    let metrics = WorkerMetrics::register(&mut shared::metrics::registry("worker"), false);
    let clients =
        Clients::new(&IntegrationSettings::default(), &Keeper::process(), &metrics, None).unwrap();
    let summary = clients.summary();
    assert_eq!(summary.len(), 4);
    assert!(
        summary.iter().all(|line| line.contains(": off, ") && line.contains(" is not set")),
        "{summary:?}"
    );
}
