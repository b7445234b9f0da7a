//! Outages in the middle of forwarding: of the broker, of Redis, of a worker, of a destination, and of an
//! answer on its way. Nothing is lost, and a destination gets an event twice only where its answer was.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use shared::broker::{Lane, Publication, Route};
use shared::message::Message;
use tokio::time::Instant;
use worker::parts::Worker;

use super::file::File;
use super::keeper::{Keeper, Mood};
use super::{LONG_RUNS, PATIENT, listed, take_tenants, timeouts, worker};
use crate::harness::{
    Admin, Child, Engine, OwnRedis, PATIENCE, Rig, deal, deal_of, fresh, on_every_engine,
    wait_for_verdicts,
};

/// Two tenants' destinations, and one that gets the events of both.
struct Three {
    acme: Keeper,
    umbrella: Keeper,
    log: Keeper,
    file: File,
}

impl Three {
    async fn start(acme: Mood, others: Mood) -> Self {
        Self::with("30s", acme, others).await
    }

    /// With so long for an answer.
    async fn with(time: &str, acme: Mood, others: Mood) -> Self {
        let (acme, umbrella) = (Keeper::start(acme).await, Keeper::start(others).await);
        let log = Keeper::start(others).await;
        let limits = timeouts(time).join("\n");
        let log_text = format!(
            r#"
            [destinations.log]
            url = "{}"
            sign = "none"
            {limits}
            [routes.all]
            destination = "log"
            "#,
            log.url()
        );
        let tenant = |name: &str, portal: u64, keeper: &Keeper| {
            format!(
                r#"
                [tenants.{name}]
                origin = "hubspot/{portal}"
                rate = "600/s"
                [destinations.{name}-crm]
                tenant = "{name}"
                url = "{}"
                sign = "none"
                {limits}
                [routes.{name}-all]
                tenant = "{name}"
                destination = "{name}-crm"
                "#,
                keeper.url()
            )
        };
        let (acmes, umbrellas) =
            (tenant("acme", 62515, &acme), tenant("umbrella", 62516, &umbrella));
        let text = [log_text, acmes, umbrellas].concat();
        Self { acme, umbrella, log, file: File::of(&text) }
    }

    async fn rig(&self, engine: Engine, flags: &[&str]) -> Rig {
        let mut rig = Rig::on(engine, &[&PATIENT[..], &LONG_RUNS, flags].concat()).await;
        take_tenants(&mut rig, &self.file, &self.addresses());
        rig
    }

    fn addresses(&self) -> [SocketAddr; 3] {
        [self.acme.address, self.umbrella.address, self.log.address]
    }

    async fn turn(&self, mood: Mood) {
        for keeper in [&self.acme, &self.umbrella, &self.log] {
            keeper.turn(mood).await;
        }
    }

    /// The first half of these events is ACME's, the other Umbrella's.
    #[track_caller]
    fn have_each_once(&self, each: u64) {
        self.acme.has_each_once(1..=each);
        self.umbrella.has_each_once(each + 1..=2 * each);
        self.log.has_each_once(1..=2 * each);
    }

    /// How many answers were lost on their way from each.
    fn lost(&self) -> [usize; 3] {
        [&self.acme, &self.umbrella, &self.log].map(Keeper::lost)
    }
}

/// So many events of each tenant, as one batch. Each goes to two destinations.
async fn publish(rig: &Rig, each: u64) {
    let publications = |ids: RangeInclusive<u64>, of: fn(u64) -> String| {
        ids.map(move |id| {
            let message: Message = fresh(&of(id));
            Publication { route: Route::Ready(Lane::Work), message }
        })
    };
    let umbrellas = publications(each + 1..=2 * each, |id| deal_of(62516, id));
    let batch = publications(1..=each, deal).chain(umbrellas).collect();
    rig.publisher.publish(batch, Instant::now() + PATIENCE).await.unwrap();
}

async fn all_went_out(worker: &Worker, each: u64) {
    wait_for_verdicts(worker, "succeeded", 4 * each).await;
}

async fn what_was_answered_in_vain_comes_again_under_its_name_and_nothing_else_does(
    engine: Engine,
) {
    let three = Three::start(Mood::Loses, Mood::Answers).await;
    let rig = three.rig(engine, &[]).await;
    let worker = worker(&rig);
    publish(&rig, 15).await;
    three.acme.wait_lost(3).await;
    three.acme.turn(Mood::Answers).await;
    all_went_out(&worker, 15).await;
    worker.stop().await;
    three.have_each_once(15);
    assert!(three.acme.lost() >= 3);
    assert_eq!((three.umbrella.lost(), three.log.lost()), (0, 0));
    rig.finish().await;
}

async fn a_destination_that_was_down_gets_all_of_its_events_once_and_held_up_no_other(
    engine: Engine,
) {
    let three = Three::start(Mood::Down, Mood::Answers).await;
    let rig = three.rig(engine, &[]).await;
    let worker = worker(&rig);
    publish(&rig, 15).await;
    three.umbrella.wait_answered(15).await;
    // The events of the one that is down go to where they can.
    three.log.wait_answered(30).await;
    wait_for_verdicts(&worker, "retried", 5).await;
    assert_eq!(three.acme.read(), 0);
    three.acme.turn(Mood::Answers).await;
    all_went_out(&worker, 15).await;
    worker.stop().await;
    three.have_each_once(15);
    assert_eq!(three.lost(), [0; 3]);
    rig.finish().await;
}

async fn a_worker_that_is_killed_repeats_what_it_had_no_answer_to_and_nothing_else(engine: Engine) {
    // A longer lease would be waited for.
    let three = Three::with("5s", Mood::Holds, Mood::Answers).await;
    let rig = Rig::on(engine, &PATIENT).await;
    let (path, secrets) = (three.file.path(), three.file.directory());
    let (path, secrets) = (path.display().to_string(), secrets.display().to_string());
    let allowed = listed(&three.addresses());
    let flags = [
        &PATIENT[..],
        &["--tenants-file", &path, "--destination-allow", &allowed],
        &["--tenant-secrets-dir", &secrets, "--api-timeout", "6s"],
        &["--handler-timeout", "8s", "--lease", "9s"],
    ]
    .concat();
    publish(&rig, 6).await;
    let first = Child::start(&rig, "succeeds", &flags).await;
    three.acme.wait_held(6).await;
    // The handler of the scenario has each event too.
    let ended = first.admin().await;
    ended.wait_for("hubline_deliveries_total", &["verdict=\"succeeded\""], 12 + 6 + 12).await;
    // On a busy machine it has waited in vain for some by now, and asked again.
    let in_vain = three.acme.lost();
    first.kill().await;
    three.acme.turn(Mood::Loses).await;
    three.acme.turn(Mood::Answers).await;
    let lost = three.lost();
    assert!((6..=6 + in_vain).contains(&lost[0]), "{lost:?}, {in_vain} of them in vain");
    assert_eq!(lost[1..], [0, 0]);
    let second = Child::ready(&rig, "succeeds", &flags).await;
    let admin = second.admin().await;
    admin.wait_for("hubline_deliveries_total", &["verdict=\"succeeded\""], 6).await;
    second.stop().await;
    three.have_each_once(6);
    assert_eq!(three.lost(), lost);
    rig.finish_with_copies().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_cut_off_while_requests_are_out_makes_no_destination_get_any_twice() {
    let three = Three::start(Mood::Holds, Mood::Holds).await;
    let mut rig = three.rig(Engine::Cluster, &[]).await;
    let proxy = rig.through_proxy().await;
    let worker = worker(&rig);
    let admin = Admin::of(&worker);
    admin.wait_until_ready().await;
    publish(&rig, 20).await;
    three.acme.wait_held(5).await;
    three.umbrella.wait_held(5).await;
    proxy.cut();
    admin.wait_for_part("broker_consuming", "down").await;
    admin.wait_for_part("broker_publishing", "down").await;
    // Answered while what they are answers to cannot be acked.
    three.turn(Mood::Answers).await;
    proxy.restore();
    admin.wait_until_ready().await;
    all_went_out(&worker, 20).await;
    worker.stop().await;
    three.have_each_once(20);
    assert_eq!(three.lost(), [0; 3]);
    rig.finish_with_copies().await;
}

/// As after a failover to a replica that had not got them.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_forgets_all_while_requests_are_out_makes_no_destination_get_any_twice() {
    let redis = OwnRedis::start().await;
    let three = Three::start(Mood::Holds, Mood::Holds).await;
    let rig = three.rig(Engine::Cluster, &["--redis-url", &redis.url]).await;
    let worker = worker(&rig);
    publish(&rig, 5).await;
    three.acme.wait_held(5).await;
    three.umbrella.wait_held(5).await;
    three.log.wait_held(10).await;
    redis.ask(&["FLUSHALL"]).await;
    three.turn(Mood::Answers).await;
    all_went_out(&worker, 5).await;
    // HubSpot comes again.
    publish(&rig, 5).await;
    wait_for_verdicts(&worker, "duplicate", 20).await;
    worker.stop().await;
    three.have_each_once(5);
    assert_eq!(three.lost(), [0; 3]);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_dies_while_requests_are_out_makes_no_destination_get_any_twice() {
    let mut redis = OwnRedis::start().await;
    let three = Three::start(Mood::Holds, Mood::Holds).await;
    let rig = three.rig(Engine::Cluster, &["--redis-url", &redis.url]).await;
    let worker = worker(&rig);
    let admin = Admin::of(&worker);
    admin.wait_until_ready().await;
    publish(&rig, 30).await;
    three.acme.wait_held(5).await;
    three.umbrella.wait_held(5).await;
    redis.kill();
    admin.wait_for_part("redis", "down").await;
    // What they are answers to cannot be noted.
    three.turn(Mood::Answers).await;
    redis.up();
    admin.wait_for_part("redis", "up").await;
    all_went_out(&worker, 30).await;
    worker.stop().await;
    three.have_each_once(30);
    assert_eq!(three.lost(), [0; 3]);
    rig.finish_with_copies().await;
}

on_every_engine! {
    what_was_answered_in_vain_comes_again_under_its_name_and_nothing_else_does
    a_destination_that_was_down_gets_all_of_its_events_once_and_held_up_no_other
    a_worker_that_is_killed_repeats_what_it_had_no_answer_to_and_nothing_else
}
