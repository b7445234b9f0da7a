//! Whether everything goes as it should, told whoever does not answer.

use secrecy::SecretString;
use shared::broker::{Broker, Topology};
use shared::settings::BrokerSettings;
use shared::testing::{DatabaseEngine, on_every_database, prefix};

use super::rig::{Browser, Rig, console};
use crate::dead_letters::rig::letter;

/// An address that nobody answers at.
const NOBODY: &str = "127.0.0.1:1";

async fn what_stands_in_queues_is_counted(engine: DatabaseEngine) {
    let rig = Rig::with(engine, &["--console-receivers", NOBODY]).await;
    rig.letters.put(&[letter(1, "A", "x"), letter(2, "A", "x"), letter(3, "A", "x")]).await;
    let page = rig.browser.get("/health").await;
    page.shows(&["dead letters on their way into the records", NOBODY, "down: no answer"]);
    let (_, row) = page.text.split_once("dead letters on their way").unwrap();
    let row = row.split("</tr>").next().unwrap();
    assert!(row.contains(">3</td>"), "{row}");
    if engine == DatabaseEngine::Sqlite {
        assert!(row.contains("<time"), "{row}");
    }
    rig.letters.drain().await;
    rig.finish().await;
}

async fn a_broker_that_is_away_takes_nothing_else_along(engine: DatabaseEngine) {
    let rig = Rig::new(engine).await;
    rig.letters.index(&[letter(1, "A", "x")]).await;
    let settings = BrokerSettings {
        amqp_url: SecretString::from(format!("amqp://user:hunter2@{NOBODY}/%2f")),
        amqp_url_file: None,
        prefix: prefix(),
        work_shards: 1,
    };
    let topology = Topology::new(&settings.prefix, 1, None);
    let away = Broker::RabbitMq { settings, topology };
    let console = console(&rig.letters.database.url(), away, &[]);
    let browser = Browser::at(console.address());
    let page = browser.get("/health").await;
    page.shows(&["They cannot be counted now", "Nothing was worked on"]).hides(&["hunter2"]);
    browser.get("/").await.shows(&["1 dead letter"]);
    console.stop().await;
    rig.finish().await;
}

on_every_database! {
    what_stands_in_queues_is_counted
    a_broker_that_is_away_takes_nothing_else_along
}

/// RabbitMQ ends a channel on which somebody asked for a queue that is not there.
#[tokio::test(flavor = "multi_thread")]
async fn queues_that_nobody_has_declared_are_told_as_such() {
    let rig = Rig::new(DatabaseEngine::Postgres).await;
    let Broker::RabbitMq { settings, .. } = rig.letters.queues.broker() else { panic!() };
    let settings = BrokerSettings { prefix: prefix(), ..settings };
    let topology = Topology::new(&settings.prefix, 3, None);
    let depths = Broker::RabbitMq { settings, topology }.depths().await.unwrap();
    assert_eq!(depths.len(), 6);
    assert!(depths.iter().all(|depth| depth.messages.is_none()), "{depths:?}");
    rig.finish().await;
}
