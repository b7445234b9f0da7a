//! All of compose.yaml outside containers: secrets as setup makes them, servers with compose's own
//! configuration and rights, programs with compose's own commands, environments and health checks.

use std::io::Write as _;
use std::net::TcpStream;
use std::process::{Command, Stdio};

use clap::Parser as _;
use shared::broker::Topology;
use worker::settings::RetrySettings;

use crate::program::{Place, RECEIVER};
use crate::rights::{Deed, User};
use crate::secrets::Secrets;
use crate::servers::{Servers, run, until_well};

#[derive(clap::Parser)]
struct Schedule {
    #[command(flatten)]
    retry: RetrySettings,
}

const NEW_DEAL: &str = r#"[{"eventId":1,"portalId":62515,"subscriptionType":"deal.creation",
    "objectId":7,"occurredAt":1790000000000}]"#;
#[tokio::test(flavor = "multi_thread")]
async fn what_compose_starts_is_a_working_cluster() {
    if let Ok(arguments) = std::env::var(RECEIVER) {
        let arguments = arguments.lines().map(str::to_owned);
        let program = receiver::commands::Cli::parse_from(
            ["receiver".to_owned()].into_iter().chain(arguments),
        );
        let code = program.execute().await;
        std::process::exit(i32::from(code != std::process::ExitCode::SUCCESS));
    }
    let secrets = Secrets::made(&[]);
    // Each container has an address of its own, so that ports are compose's.
    let own = format!("127.{}.{}", rand::random_range(1..255_u8), rand::random_range(0..255_u8));
    let addresses = ["1", "2", "3", "4"].map(|last| format!("{own}.{last}"));
    let servers = Servers::start(&secrets, &addresses[3]);
    let receiver = Place::new(&secrets, "receiver", &addresses[0]);
    let worker = Place::new(&secrets, "worker", &addresses[1]);
    let console = Place::new(&secrets, "console", &addresses[2]);
    for place in [&receiver, &worker, &console] {
        place.at(&servers);
    }

    let receiving = receiver.start();
    // Before any worker nothing is declared, and the receiver may not.
    until_well("a receiver that waits", || match receiver.health() {
        Err(why) if why.contains("start a worker first") => Ok(why),
        other => Err(format!("{other:?}")),
    });
    let (working, watching) = (worker.start(), console.start());
    for (name, place) in [("worker", &worker), ("console", &console), ("receiver", &receiver)] {
        until_well(name, || place.health().map_err(|why| format!("{why}{}", place.log())));
    }

    deliver(&secrets, &addresses[0], NEW_DEAL);
    until_well("a deal that is done", || {
        let events = run(&mut console.program(&["events", "--portal", "62515", "--json"]))?;
        // No integration is on, and so there is nothing to be done.
        let done = events.contains("on_deal_created") && events.contains("skipped");
        if done { Ok(events) } else { Err(events) }
    });
    // From the receiver to the dead letters, and by the console's user into the records.
    deliver(&secrets, &addresses[0], "not JSON");
    until_well("a dead letter", || {
        let letters = run(&mut console.program(&["dead-letters", "list", "--json"]))?;
        if letters.contains("unreadable") { Ok(letters) } else { Err(letters + &console.log()) }
    });
    // Through the bulk queue, by the console's user.
    let replay =
        ["replay", "--since", "1h", "--type", "deal.creation", "--force", "--detach", "--yes"];
    run(&mut console.program(&replay)).unwrap();
    until_well("a replay", || {
        let log = worker.log();
        let is_run =
            |line: &&str| line.contains("on_deal_created\",\"attempt") && line.contains("skipped");
        if log.lines().filter(is_run).count() == 2 { Ok(log) } else { Err(log + &console.log()) }
    });

    check_rights(&secrets).await;
    check_health(&secrets, &servers);
    check_broker(&servers).await;
    for (place, program) in [(&receiver, receiving), (&worker, working), (&console, watching)] {
        program.stop();
        let log = place.log();
        for refused in ["NOPERM", "permission denied", "ACCESS_REFUSED - access to queue"] {
            assert!(!log.contains(refused), "{log}");
        }
    }
}

/// By the command that compose.yaml has for it.
fn deliver(secrets: &Secrets, receiver: &str, body: &str) {
    let send = Place::new(secrets, "send", receiver);
    let entrypoint = crate::file::service("send").texts("entrypoint");
    let url = entrypoint[3].replace("http://receiver:", &format!("http://{receiver}:"));
    let mut command = send.program(&[&entrypoint[1], &entrypoint[2], &url, "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains(r#"{"received":1}"#), "{said}");
}

async fn check_rights(secrets: &Secrets) {
    use Deed::{
        Bind, Consume, Declare, DeclareExchange, Delete, DeleteExchange, Get, Look, Publish, Purge,
    };
    let everyones_limits = [
        Declare("other"),
        Declare("hubline.other"),
        DeclareExchange("hubline.other"),
        DeclareExchange("other"),
        Publish("amq.topic"),
        // The default exchange, which has every queue.
        Publish(""),
    ];
    let receiver = User::connect(&secrets.read("receiver", "amqp-url")).await;
    for deed in [Publish("hubline.events"), Publish("hubline.dead"), Look("hubline.work.0")] {
        receiver.may(deed).await;
    }
    receiver.may_not(&everyones_limits).await;
    for queue in ["hubline.work.0", "hubline.bulk", "hubline.dead", "hubline.retry.1s"] {
        receiver
            .may_not(&[Consume(queue), Get(queue), Purge(queue), Delete(queue), Declare(queue)])
            .await;
    }
    receiver
        .may_not(&[
            Publish("hubline.retry"),
            Publish("hubline.unrouted"),
            Bind("hubline.work.0", "hubline.events"),
            DeleteExchange("hubline.events"),
        ])
        .await;

    let console = User::connect(&secrets.read("console", "amqp-url")).await;
    for deed in [Publish("hubline.events"), Look("hubline.work.0"), Consume("hubline.dead")] {
        console.may(deed).await;
    }
    console.may_not(&everyones_limits).await;
    for queue in ["hubline.work.0", "hubline.bulk", "hubline.retry.1s"] {
        console.may_not(&[Consume(queue), Get(queue), Purge(queue), Delete(queue)]).await;
    }
    console.may_not(&[Publish("hubline.retry"), DeleteExchange("hubline.events")]).await;

    let worker = User::connect(&secrets.read("worker", "amqp-url")).await;
    for deed in [Publish("hubline.retry"), Consume("hubline.bulk")] {
        worker.may(deed).await;
    }
    worker.may_not(&everyones_limits).await;
    worker
        .may_not(&[Delete("other"), DeleteExchange("amq.topic"), Bind("hubline.bulk", "amq.topic")])
        .await;
}

/// What the runbook asks Redis as `health`, who may look and no more.
fn check_health(secrets: &Secrets, servers: &Servers) {
    let ask = |words: &[&str]| {
        let mut command = Command::new("redis-cli");
        command.env("REDISCLI_AUTH", secrets.read("redis", "redis-health"));
        let redis = servers.redis.address;
        command.arg("-h").arg(redis.ip().to_string()).arg("-p").arg(redis.port().to_string());
        command.args(["--user", "health"]).args(words);
        run(&mut command).unwrap()
    };
    assert!(ask(&["info", "memory"]).contains("maxmemory_policy:noeviction"));
    assert!(ask(&["info", "persistence"]).contains("aof_last_write_status:ok"));
    for refused in [&["get", "hubline:x"][..], &["keys", "*"], &["config", "get", "*"]] {
        assert!(ask(refused).contains("NOPERM"), "{refused:?}");
    }
}

/// Each queue has the policy that is meant for it, retries have none, and there is nobody else.
async fn check_broker(servers: &Servers) {
    let schedule = Schedule::parse_from(["x"]).retry.schedule().unwrap();
    let topology = Topology::new("hubline", 4, Some(&schedule));
    let mut expected: Vec<String> =
        topology.work_queues().map(|queue| format!("{queue}\thubline-events")).collect();
    expected.push(format!("{}\thubline-events", topology.bulk_queue()));
    for queue in [topology.dead_queue(), topology.unrouted_queue()] {
        expected.push(format!("{queue}\thubline-dead-letters"));
    }
    expected.extend(topology.retry_queues().map(|queue| format!("{queue}\t")));
    expected.sort();
    let ctl = |arguments: &[&str]| {
        let said = servers.rabbitmq.ctl(&[arguments, &["--no-table-headers"]].concat());
        let mut lines: Vec<String> = said.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(ctl(&["list_queues", "-p", "hubline", "name", "policy"]), expected);
    assert_eq!(ctl(&["list_vhosts", "name"]), ["hubline"]);
    let users = ctl(&["list_users"]);
    let users: Vec<&str> = users.iter().map(|user| user.split('\t').next().unwrap()).collect();
    assert_eq!(users, ["hubline-console", "hubline-receiver", "hubline-worker"]);
    // Its tools and the name server are reached on the loopback address and nowhere else.
    for address in servers.rabbitmq.for_nodes() {
        assert!(TcpStream::connect(("127.0.0.1", address.port())).is_ok(), "{address}");
        assert!(TcpStream::connect(address).is_err(), "{address}");
    }
    // Nothing here is encrypted; the client wants to be told all the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let metrics = format!("http://{}/metrics", servers.rabbitmq.metrics);
    let page = reqwest::get(metrics).await.unwrap().text().await.unwrap();
    assert!(page.contains("rabbitmq_alarms_memory_used_watermark"), "{page}");
}
