//! `receiver healthcheck`, as a container runs it: beside a receiver, with none of its secrets.

use shared::testing::{Engine, amqp_url, on_every_engine, prefix};

use crate::fixture::{Fixture, queues};
use crate::process::{Process, output};

/// What it exits with and says.
async fn healthcheck(admin: &str, more: &[&str]) -> (Option<i32>, String) {
    let arguments = [&["healthcheck"], more].concat();
    let output =
        output(&arguments, &[("ADMIN_LISTEN", admin), ("HUBSPOT_CLIENT_SECRET", "")]).await;
    assert!(output.stdout.is_empty());
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

async fn a_receiver_that_is_ready_is_healthy(engine: Engine) {
    let fixture = Fixture::start(engine, &[]).await;
    let admin = fixture.admin_address().to_string();
    for more in [&[][..], &["--live"]] {
        assert_eq!(healthcheck(&admin, more).await, (Some(0), String::new()));
    }
    fixture.finish().await;
}

on_every_engine! {
    a_receiver_that_is_ready_is_healthy
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_on_every_address_is_asked_on_this_machine() {
    let prefix = prefix();
    let process = Process::start(&amqp_url(), &prefix, &[("ADMIN_LISTEN", "0.0.0.0:0")]).await;
    process.ready().await;
    assert!(process.admin_address.ip().is_unspecified());
    let admin = process.admin_address.to_string();
    assert_eq!(healthcheck(&admin, &[]).await, (Some(0), String::new()));
    process.terminate();
    process.ended().await;
    assert_eq!(queues(&amqp_url(), &prefix).await.end().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_without_a_broker_is_alive_but_not_ready_and_says_why() {
    let process = Process::start("amqp://127.0.0.1:1/%2f", "none", &[]).await;
    let admin = process.admin_address.to_string();
    let (code, said) = healthcheck(&admin, &[]).await;
    assert_eq!(code, Some(1));
    assert!(said.starts_with(&format!("{admin}/readyz: broker: ")), "{said}");
    assert_eq!(healthcheck(&admin, &["--live"]).await, (Some(0), String::new()));
    process.terminate();
    process.ended().await;
    let (code, said) = healthcheck(&admin, &["--live"]).await;
    assert_eq!(code, Some(1));
    assert!(said.starts_with(&format!("no answer from {admin}: ")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_takes_too_long_is_not_healthy() {
    // Accepted by the system, answered by nobody.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = mute.local_addr().unwrap().to_string();
    let (code, said) = healthcheck(&admin, &["--live"]).await;
    assert_eq!((code, said.as_str()), (Some(1), "no answer within 3 s\n"));
}
