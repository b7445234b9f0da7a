//! `worker healthcheck`, as a container runs it: beside a worker, with none of its settings.

use std::process::Output;

use tokio::process::Command;

use crate::harness::{Admin, Engine, Rig, on_every_engine};

async fn healthcheck(admin: &str, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.env_clear().env("ADMIN_LISTEN", admin).arg("healthcheck").args(more);
    command.output().await.unwrap()
}

async fn a_worker_that_is_ready_is_healthy(engine: Engine) {
    let rig = Rig::on(engine, &[]).await;
    let worker = rig.worker(|_| {});
    Admin::of(&worker).wait_until_ready().await;
    let admin = worker.admin_address().to_string();
    for more in [&[][..], &["--live"]] {
        let output = healthcheck(&admin, more).await;
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
    worker.stop().await;
    rig.finish().await;
}

on_every_engine! {
    a_worker_that_is_ready_is_healthy
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_redis_is_alive_but_not_ready_and_names_what_is_down() {
    let rig = Rig::with(&["--redis-url", "redis://127.0.0.1:1/"]).await;
    let worker = rig.worker(|_| {});
    let admin = worker.admin_address().to_string();
    let shown = Admin::of(&worker);
    for part in ["broker_publishing", "broker_consuming"] {
        shown.wait_for_part(part, "up").await;
    }
    let output = healthcheck(&admin, &[]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said, format!("{admin}/readyz: redis: down\n"));
    assert!(healthcheck(&admin, &["--live"]).await.status.success());
    worker.stop().await;
    rig.finish().await;
}
