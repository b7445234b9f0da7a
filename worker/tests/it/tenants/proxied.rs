//! Destinations behind a forward proxy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use secrecy::SecretString;

use super::endpoint::{Answer, Endpoint};
use super::file::File;
use super::signed::is_signed;
use super::{rig_of, worker};
use crate::harness::{Admin, Engine, deal, on_every_engine, wait_for_verdicts};

/// Of a name that only the proxy can find.
const TENANT: &str = r#"
    tenants.acme = { origin = "hubspot/62515", rate = "600/s" }
    routes.acme-deals = { tenant = "acme", destination = "acme-crm" }
    [destinations.acme-crm]
    tenant = "acme"
    url = "http://hooks.acme.example/hooks"
    secret = @secret
"#;

async fn what_a_proxy_finds_no_way_for_waits_and_its_word_is_not_the_destinations(engine: Engine) {
    let finds_way = Arc::new(AtomicBool::default());
    let judge = Arc::clone(&finds_way);
    let proxy = Endpoint::judging(move |received| {
        let error = ("proxy-status", "squid; error=destination_unavailable".to_owned());
        match received.len() % 2 {
            _ if judge.load(Ordering::Relaxed) => Answer::of(200),
            // Said by the destination, each were the end of an event.
            0 => Answer(403, Some(error), String::new()),
            _ => Answer::of(407),
        }
    });
    let file = File::of(TENANT);
    // As many attempts as nobody needs who is put off.
    let mut rig = rig_of(engine, &["--retry-attempts", "20"], &file, &[]).await;
    let tenants = &mut rig.settings.processing.tenants;
    "hooks.acme.example".clone_into(&mut tenants.destination_allow);
    tenants.forward_proxy = Some(SecretString::from(format!("http://{}", proxy.address)));
    let worker = worker(&rig);
    for id in 1..=15 {
        rig.publish(&deal(id)).await;
    }
    // It counts as a destination that is down: nobody asks for some seconds.
    Admin::of(&worker).wait_for_line("hubline_breaker_state{limit=\"destination\"} 2.0").await;
    wait_for_verdicts(&worker, "limited", 1).await;
    finds_way.store(true, Ordering::Relaxed);
    wait_for_verdicts(&worker, "succeeded", 15).await;
    worker.stop().await;
    let received = proxy.received();
    assert!(received.iter().all(|received| {
        received.uri == "http://hooks.acme.example/hooks" && is_signed(received)
    }));
    rig.finish().await;
}

on_every_engine! {
    what_a_proxy_finds_no_way_for_waits_and_its_word_is_not_the_destinations
}
