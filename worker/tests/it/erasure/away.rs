//! An erasure where the ERP or the records are off, or away.

use serde_json::Value;
use shared::testing::{Proxy, TestDatabase, database_url};
use worker::settings::integrations::IntegrationSettings;
use worker::stand_ins::StandIns;

use super::shop::{Shop, deleted, event, start};
use crate::harness::{Admin, Engine, Rig, on_every_engine, wait_for_verdicts};

async fn without_records_there_is_nothing_to_erase(engine: Engine) {
    let stand_ins = StandIns::start().await.unwrap();
    let mut rig = Rig::on(engine, &[]).await;
    rig.settings.processing.integrations = stand_ins.settings();
    let worker = start(&rig);
    rig.publish(&deleted("contact.privacyDeletion", 62515, 1, 42)).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    let calls: Vec<_> = stand_ins.calls().into_iter().map(|call| call.method).collect();
    assert_eq!(calls, ["DELETE"]);
    worker.stop().await;
    rig.finish().await;
}

async fn without_an_erp_the_records_forget_and_the_event_is_skipped(engine: Engine) {
    let shop = Shop::open(engine).await;
    shop.publish(&event("contact.propertyChange", 62515, 1, 42, "")).await;
    shop.logged(1).await;
    let Shop { mut rig, stand_ins, worker, database } = shop;
    worker.stop().await;
    rig.settings.processing.integrations = IntegrationSettings::default();
    let worker = start(&rig);
    let shop = Shop { rig, stand_ins, worker, database };
    shop.publish(&deleted("contact.privacyDeletion", 62515, 2, 42)).await;
    wait_for_verdicts(&shop.worker, "skipped", 1).await;
    assert_eq!(shop.quoting("event_log", "true").await, 0);
    assert_eq!(shop.deletions(), 0);
    shop.close().await;
}

/// What keeps a worker from its records until it is lifted.
enum Obstacle {
    Cut(Proxy),
    /// A directory where the file should be.
    Directory(std::path::PathBuf),
}

impl Obstacle {
    fn lift(&self) {
        match self {
            Self::Cut(proxy) => proxy.restore(),
            Self::Directory(path) => std::fs::remove_dir(path).unwrap(),
        }
    }
}

async fn while_the_records_are_away_the_event_waits_and_the_erp_forgets_before_and_after(
    engine: Engine,
) {
    let proxy = Proxy::start(&Proxy::server_of(&database_url())).await;
    proxy.cut();
    let mut obstacle = None;
    let away = |database: &TestDatabase| match engine {
        Engine::Cluster => {
            let url = proxy.url(&database.url());
            obstacle = Some(Obstacle::Cut(proxy));
            url
        }
        Engine::Embedded => {
            std::fs::create_dir(database.file()).unwrap();
            obstacle = Some(Obstacle::Directory(database.file()));
            database.url()
        }
    };
    let shop = Shop::with(engine, away, &["--retry-attempts", "60"]).await;
    let admin = Admin::of(&shop.worker);
    shop.publish(&event("contact.propertyChange", 62515, 1, 42, "")).await;
    shop.publish(&deleted("contact.privacyDeletion", 62515, 2, 42)).await;
    wait_for_verdicts(&shop.worker, "retried", 2).await;
    let ready: Value = serde_json::from_str(&admin.get("readyz").await).unwrap();
    assert_eq!(ready["ready"], true, "{ready}");
    assert_eq!(admin.sum("hubline_deliveries_total", &["succeeded"]).await, 0);
    let obstacle = obstacle.unwrap();
    obstacle.lift();
    wait_for_verdicts(&shop.worker, "succeeded", 1).await;
    admin.wait_for("hubline_log_entries_total", &[], 4).await;
    assert_eq!(shop.quoting("event_log", "true").await, 0);
    assert_eq!(shop.database.number("SELECT count(*) FROM erasure").await, 1);
    assert_eq!(shop.deletions(), 2, "once before the tombstone, and once behind it");
    shop.close().await;
}

on_every_engine! {
    without_records_there_is_nothing_to_erase
    without_an_erp_the_records_forget_and_the_event_is_skipped
    while_the_records_are_away_the_event_waits_and_the_erp_forgets_before_and_after
}
