//! What Redis knows after a restart, with compose's own configuration and users, and whether a worker
//! notices what it does not know.

use std::time::{Duration, Instant};

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use shared::broker::Lane;
use shared::event::Identity;
use shared::metrics::registry;
use shared::testing::within;
use worker::parts::ledger::{Claim, EntryKey, Lease, Ledger, LedgerOptions, Release};
use worker::parts::limits::{Asker, Limit, Room, Standing};
use worker::parts::metrics::WorkerMetrics;

use crate::secrets::Secrets;
use crate::servers::{Server, free, redis, until_well};

const LIMIT_WINDOW: Duration = Duration::from_secs(10);

struct Rig {
    secrets: Secrets,
    redis: Option<Server>,
    metrics: Registry,
    ledger: Ledger,
}

impl Rig {
    fn start(secrets: Secrets) -> Self {
        let own = format!("127.{}.{}.1", rand::random_range(1..255_u8), rand::random::<u8>());
        let [address] = free::<1>(&own);
        let redis = redis::start(&secrets, address);
        let url = secrets.read("worker", "redis-url");
        let url = url.replace("redis:6379", &address.to_string()).into();
        let minute = Duration::from_secs(60);
        let (lease, retention) = (minute, 60 * minute);
        let options = LedgerOptions { url, prefix: "hubline".to_owned(), lease, retention };
        let mut metrics = registry("worker");
        let measured = WorkerMetrics::register(&mut metrics, false);
        let ledger = Ledger::start(options, measured).unwrap();
        Self { secrets, redis: Some(redis), metrics, ledger }
    }

    /// `before` is done while it is down.
    fn restart_redis(&mut self, before: impl FnOnce(&Secrets)) {
        let redis = self.redis.take().unwrap();
        let address = redis.address;
        drop(redis);
        before(&self.secrets);
        self.redis = Some(redis::start(&self.secrets, address));
    }

    fn metric(&self, name: &str) -> u64 {
        let mut page = String::new();
        encode(&mut page, &self.metrics).unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {page}")).parse().unwrap()
    }

    async fn claim(&self, event: &[u8], attempt: u32) -> Claim {
        let identity = Identity::of_unreadable(event);
        let entry = EntryKey { identity: &identity, target: "on_deal_created", generation: 0 };
        within("a claim", self.ledger.claim(&entry, attempt)).await
    }

    async fn started(&self, event: &[u8], attempt: u32) -> Lease {
        match self.claim(event, attempt).await {
            Claim::Started(lease) => lease,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_knows_completions_steps_and_limits_after_a_restart() {
    let mut rig = Rig::start(Secrets::made(&[]));
    let done = rig.started(b"done", 0).await;
    assert!(rig.ledger.remember(&done, "order", "42").await);
    assert!(rig.ledger.complete(&done).await);
    let waiting = rig.started(b"waiting", 0).await;
    assert!(rig.ledger.remember(&waiting, "order", "43").await);
    assert!(rig.ledger.release(&waiting, Release::Next(1)).await);
    // A machine under load may take longer to restart it than a limit's window.
    loop {
        let begun = Instant::now();
        let limit = Limit::of(1, LIMIT_WINDOW, "hubspot/62515");
        let room = rig.ledger.take(&limit, Asker::fresh(Lane::Work, Standing::UnderWay)).await;
        assert_eq!(room, Room::Granted);
        rig.restart_redis(|_| {});
        match within(
            "a limit",
            rig.ledger.take(&limit, Asker::fresh(Lane::Work, Standing::UnderWay)),
        )
        .await
        {
            Room::Soon(_) | Room::Place(_) => break,
            Room::Granted => assert!(begun.elapsed() >= LIMIT_WINDOW, "it was forgotten"),
        }
    }
    assert!(matches!(rig.claim(b"done", 0).await, Claim::Completed));
    assert!(matches!(rig.claim(b"waiting", 0).await, Claim::Stale));
    assert_eq!(rig.started(b"waiting", 1).await.step("order").as_deref(), Some("43"));
    let log = std::fs::read_to_string(rig.secrets.directory().join("redis.log")).unwrap();
    assert!(!log.contains("NOPERM"), "{log}");
}

const SCRIPTS: &str = r#"hubline_ledger_forgotten_total{what="scripts"}"#;
const EVERYTHING: &str = r#"hubline_ledger_forgotten_total{what="everything"}"#;

/// Waits until the ledger has looked again, and written what it looks for the next time.
async fn looked(rig: &Rig) {
    let url = rig.secrets.read("worker", "redis-url");
    let address = rig.redis.as_ref().unwrap().address.to_string();
    let client = deadpool_redis::redis::Client::open(url.replace("redis:6379", &address)).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let before = kept(&mut redis).await;
    let looking = async {
        while kept(&mut redis).await <= before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within("another look", looking).await;
}

async fn kept(redis: &mut deadpool_redis::redis::aio::MultiplexedConnection) -> Option<u64> {
    let mut get = deadpool_redis::redis::cmd("GET");
    get.arg("hubline:memory:{all}:plain").query_async(redis).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_forgets_at_a_restart_is_noticed() {
    let secrets = Secrets::made(&[]);
    let users = secrets.of("redis").join("users.acl");
    let sound = std::fs::read_to_string(&users).unwrap();
    let write = |text: &str| {
        std::fs::remove_file(&users).unwrap();
        std::fs::write(&users, text).unwrap();
    };
    let (_, others) = sound.split_once('\n').unwrap();
    write(&format!("user default off\n{others}"));
    let mut rig = Rig::start(secrets);
    looked(&rig).await;
    assert_eq!((rig.metric(SCRIPTS), rig.metric(EVERYTHING)), (0, 0));
    rig.restart_redis(|_| {});
    until_well("scripts", || match rig.metric(SCRIPTS) {
        1 => Ok(String::new()),
        other => Err(other.to_string()),
    });

    // With its rights it keeps them.
    looked(&rig).await;
    rig.restart_redis(|_| write(&sound));
    looked(&rig).await;
    assert_eq!((rig.metric(SCRIPTS), rig.metric(EVERYTHING)), (1, 0));

    rig.restart_redis(|secrets| {
        std::fs::remove_dir_all(redis::data(secrets).join("appendonlydir")).unwrap();
    });
    until_well("everything", || match rig.metric(EVERYTHING) {
        1 => Ok(String::new()),
        other => Err(other.to_string()),
    });
    assert_eq!(rig.metric(SCRIPTS), 1);
}
