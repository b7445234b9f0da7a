//! A service that is down: whoever needs it waits for it, and nobody else does.

use std::time::Duration;

use serde_json::json;
use tokio::process::Command;
use worker::parts::limits::{BreakerState, Of, Seen};
use worker::stand_ins::{Call, Fault};

use super::shop::{Shop, event};
use crate::harness::{Admin, Engine, on_every_engine, pause, within};

/// Room for ten calls of one service. Attempts for what calls it again before ten have failed, where they do
/// so one after the other.
const FLAGS: [&str; 4] = ["--concurrency", "20", "--retry-attempts", "4"];
const AT_ONCE: usize = 10;

const RETRIED: &str = "verdict=\"retried\"";

/// What `worker limits` says of a worker.
async fn limits(admin: &str, more: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.env_clear().env("ADMIN_LISTEN", admin).arg("limits").args(more);
    let output = command.output().await.unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

async fn whoever_needs_a_service_that_hangs_waits_and_nobody_else(engine: Engine) {
    let timeout = Duration::from_secs(2);
    let shop = Shop::set_up(engine, &FLAGS, |settings| {
        settings.api_timeout = timeout;
        settings.hubspot_budget = 10_000;
    })
    .await;
    shop.stand_ins.fail(Fault::new("erp", 503).after(Duration::from_secs(3600)));
    for contact in 1..=50 {
        shop.stand_ins.put_contact(contact);
        shop.publish(&event("contact.creation", contact, "")).await;
    }
    let to_erp = |call: &Call| call.api == "erp";
    within("calls that hang", shop.stand_ins.wait_for(AT_ONCE, to_erp)).await;
    for deal in 1..=10 {
        shop.won_deal(deal, &[]);
        shop.publish(&event("deal.creation", deal, "")).await;
    }
    shop.done(10, 0).await;
    assert_eq!(shop.calls("slack", "/chat.postMessage").len(), 10);
    let admin = Admin::of(&shop.worker);
    admin.wait_for_line("hubline_breaker_state{limit=\"erp\"} 2.0").await;
    let all_wait = async {
        loop {
            let seen: Vec<Seen> = serde_json::from_str(&admin.get("limits").await).unwrap();
            let erp = seen.into_iter().find(|seen| seen.limit == "erp" && seen.of == Of::Calls);
            if let Some(erp) = erp
                && erp.waiting_live >= 50
                && erp.breaker == Some(BreakerState::Open)
            {
                break erp;
            }
            pause().await;
        }
    };
    let erp = within("fifty that wait", all_wait).await;
    assert!(erp.size == Some(AT_ONCE as u64) && erp.held_ms > 0, "{erp:?}");
    // One may have come in the place of the first that failed, before so many had.
    let retried = admin.sum("hubline_deliveries_total", &[RETRIED]).await;
    assert!((10..20).contains(&retried), "{retried}");
    let told = limits(&shop.worker.admin_address().to_string(), &[]).await;
    let row = told.lines().find(|line| line.starts_with("erp ")).unwrap();
    assert!(row.contains("calls at once"), "{told}");
    let told = limits(&shop.worker.admin_address().to_string(), &["--json"]).await;
    assert!(told.lines().all(|line| serde_json::from_str::<Seen>(line).is_ok()), "{told}");

    // One probes, in vain: that is no attempt of its run.
    let failed = usize::try_from(retried).unwrap();
    within("a probe", shop.stand_ins.wait_for(failed + 1, to_erp)).await;
    shop.stand_ins.heal();
    shop.done(60, 0).await;
    let calls = shop.calls("erp", "/");
    let done = calls.iter().filter(|call| call.status < 300).count();
    assert_eq!((done, shop.stand_ins.customers().len()), (50, 50), "{calls:?}");
    assert!((1..=3).contains(&(calls.len() - done - failed)), "probes: {calls:?}");
    admin.wait_for_line("hubline_breaker_state{limit=\"erp\"} 0.0").await;
    let now = admin.sum("hubline_deliveries_total", &[RETRIED]).await;
    assert_eq!(now, retried, "attempts were spent while it was down");
    shop.close().await;
}

/// Two in ten seconds, says HubSpot, where the setting allows ten thousand.
async fn hubspots_limit_is_learned_from_its_answers(engine: Engine) {
    let shop = Shop::set_up(engine, &["--retry-attempts", "1"], |settings| {
        settings.hubspot_budget = 10_000;
    })
    .await;
    let answer = Fault::new("hubspot", 200)
        .header("X-HubSpot-RateLimit-Max", "2")
        .header("X-HubSpot-RateLimit-Interval-Milliseconds", "2000")
        .body(json!({ "id": "1" }));
    shop.stand_ins.fail(answer.on("GET", "/contacts/1").times(1));
    shop.stand_ins.put_contact(1);
    shop.publish(&event("contact.creation", 1, "")).await;
    shop.done(1, 0).await;
    let admin = Admin::of(&shop.worker);
    for contact in 2..=6 {
        shop.stand_ins.put_contact(contact);
        shop.publish(&event("contact.creation", contact, "")).await;
    }
    let found = async {
        loop {
            let seen: Vec<Seen> = serde_json::from_str(&admin.get("limits").await).unwrap();
            let of_portal = |seen: &&Seen| seen.limit == "hubspot/62515" && seen.of == Of::Requests;
            if let Some(seen) = seen.iter().find(of_portal)
                && seen.size == Some(2)
            {
                break seen.window_ms;
            }
        }
    };
    assert_eq!(within("a limit of two", found).await, Some(2040));
    shop.done(6, 0).await;
    let spent = admin.sum("hubline_budget_requests_total", &["result=\"spent\""]).await;
    assert!(spent > 0);
    shop.close().await;
}

on_every_engine! {
    hubspots_limit_is_learned_from_its_answers
    whoever_needs_a_service_that_hangs_waits_and_nobody_else
}
