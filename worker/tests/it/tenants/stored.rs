//! Tenants in the records: what `worker tenants apply`, `pause` and `resume` change, and what workers do then.

use secrecy::SecretString;
use shared::message::DeathReason;
use shared::testing::Proxy;

use super::applied::{Stored, said};
use super::endpoint::Endpoint;
use super::{one, two};
use crate::harness::{Admin, Engine, deal, deal_of, on_every_engine, wait_for_verdicts};

async fn workers_follow_what_is_applied_paused_and_resumed(engine: Engine) {
    let acme = Endpoint::start([]);
    let stored = Stored::of(engine, &one(&acme, "active", "active"), &[acme.address]).await;
    let worker = stored.rig.worker(|_| {});
    let admin = Admin::of(&worker);
    admin.wait_until_ready().await;
    let applied = stored.apply(&["--by", "ann"]).await;
    assert!(applied.contains("+ route acme-deals → acme-crm"), "{applied}");
    admin.wait_for_line("hubline_routes 1").await;
    stored.rig.publish(&deal(1)).await;
    acme.wait(1).await;

    stored.done(&["pause", "destination/acme-crm", "--by", "ann"]).await;
    let again = stored.done(&["pause", "destination/acme-crm", "--by", "bob"]).await;
    assert!(again.contains("paused already"), "{again}");
    let listed = stored.done(&["list"]).await;
    assert!(listed.contains("acme-deals → acme-crm (paused)  active"), "{listed}");
    // What the file says is not what somebody has paused.
    assert_eq!(stored.apply(&[]).await.trim(), "nothing has changed");
    // The worker is told: what is published until then goes out.
    let held = async {
        let mut id = 10;
        loop {
            stored.rig.publish(&deal(id)).await;
            id += 1;
            if admin.sum("hubline_deliveries_total", &["verdict=\"limited\""]).await > 0 {
                return id - 10;
            }
            crate::harness::pause().await;
        }
    };
    let published = crate::harness::within("a paused destination", held).await;
    stored.done(&["resume", "destination/acme-crm", "--by", "bob"]).await;
    wait_for_verdicts(&worker, "succeeded", 1 + published).await;
    assert_eq!(acme.received().len() as u64, 1 + published);
    worker.stop().await;

    let audit = "SELECT count(*) FROM audit WHERE (who, action, filter) IN \
        (('ann', 'write tenants', 'tenant=acme destination=acme-crm route=acme-deals'), \
         ('ann', 'pause', 'destination=acme-crm'), ('bob', 'resume', 'destination=acme-crm'))";
    assert_eq!(stored.database.number(audit).await, 3);
    stored.end().await;
}

async fn what_waits_for_a_deleted_route_ends_as_was_said(engine: Engine) {
    let (acme, umbrella) = (Endpoint::start([]), Endpoint::start([]));
    let text = two(&acme, &umbrella);
    let stored = Stored::of(engine, &text, &[acme.address, umbrella.address]).await;
    stored.apply(&[]).await;
    for route in ["route/acme-deals", "route/umbrella-all"] {
        stored.done(&["pause", route]).await;
    }
    let worker = stored.rig.worker(|_| {});
    stored.rig.publish(&deal(1)).await;
    stored.rig.publish(&deal_of(62516, 2)).await;
    wait_for_verdicts(&worker, "limited", 2).await;

    let without_umbrella = text.split("[tenants.umbrella]").next().unwrap();
    stored.file.write(without_umbrella);
    // What the file does not have stays.
    assert_eq!(stored.apply(&[]).await.trim(), "nothing has changed");
    let path = stored.file.path().display().to_string();
    let asked = stored.tenants(&["apply", &path, "--prune"]).await;
    assert!(!asked.status.success() && said(&asked).contains("--held"), "{}", said(&asked));
    stored.apply(&["--prune", "--held", "drop"]).await;
    wait_for_verdicts(&worker, "skipped", 1).await;

    stored.file.write("");
    let planned = stored.done(&["plan", &path, "--prune"]).await;
    assert!(planned.contains("- route acme-deals"), "{planned}");
    stored.apply(&["--prune", "--held", "dead-letter"]).await;
    let letter = stored.rig.queues.take("dead").await.message.unwrap();
    worker.stop().await;
    let death = letter.death.unwrap();
    assert_eq!((death.reason, &*death.code), (DeathReason::Permanent, "ROUTE_DELETED"));
    assert!(acme.received().is_empty() && umbrella.received().is_empty());
    assert_eq!(stored.done(&["list"]).await.trim(), "there are no tenants");
    stored.end().await;
}

/// On a route of all, which stays.
async fn what_waits_for_a_deleted_tenant_ends_as_was_said(engine: Engine) {
    let shared = Endpoint::start([]);
    let url = shared.url();
    let text = |tenants: &str| {
        format!(
            "{tenants}routes.all = {{ destination = \"log\" }}\ndestinations.log = {{ url = \"{url}\", sign = \"none\" }}\n"
        )
    };
    let acme = "tenants.acme = { origin = \"hubspot/62515\" }\n";
    let umbrella = "tenants.umbrella = { origin = \"hubspot/62516\" }\n";
    let both = text(&format!("{acme}{umbrella}"));
    let stored = Stored::of(engine, &both, &[shared.address]).await;
    stored.apply(&[]).await;
    for tenant in ["acme", "umbrella"] {
        stored.done(&["pause", tenant]).await;
    }
    let worker = stored.rig.worker(|_| {});
    stored.rig.publish(&deal(1)).await;
    stored.rig.publish(&deal_of(62516, 2)).await;
    wait_for_verdicts(&worker, "limited", 2).await;
    stored.file.write(&text(acme));
    let path = stored.file.path().display().to_string();
    let asked = stored.tenants(&["apply", &path, "--prune"]).await;
    let told = said(&asked);
    assert!(!asked.status.success() && told.contains("1 tenant and 0 routes"), "{told}");
    stored.apply(&["--prune", "--held", "drop"]).await;
    wait_for_verdicts(&worker, "skipped", 1).await;
    stored.file.write(&text(""));
    stored.apply(&["--prune", "--held", "dead-letter"]).await;
    let letter = stored.rig.queues.take("dead").await.message.unwrap();
    worker.stop().await;
    let death = letter.death.unwrap();
    assert_eq!((death.reason, &*death.code), (DeathReason::Permanent, "TENANT_DELETED"));
    assert!(shared.received().is_empty());
    stored.end().await;
}

/// What waits for it is named with its tenant, and would be nobody's.
#[tokio::test(flavor = "multi_thread")]
async fn a_route_stays_its_tenants_and_its_name_for_a_while_after_it() {
    let text = |route: &str| {
        format!(
            "tenants.acme = {{ origin = 'hubspot/1' }}\ntenants.umbrella = {{ origin = 'hubspot/2' }}\n\
             destinations.log = {{ url = 'https://example.com', sign = 'none' }}\n{route}"
        )
    };
    let of = |tenant: &str| text(&format!("routes.all = {{ destination = 'log'{tenant} }}\n"));
    let (acmes, umbrellas) = (of(", tenant = 'acme'"), of(", tenant = 'umbrella'"));
    let stored = Stored::of(Engine::Embedded, &acmes, &[]).await;
    stored.apply(&[]).await;
    let path = stored.file.path().display().to_string();
    let refused = async |text: &str, why: &str| {
        stored.file.write(text);
        for command in ["plan", "apply"] {
            let output = stored.tenants(&[command, &path]).await;
            let told = said(&output);
            assert!(!output.status.success() && told.contains(why), "{told}");
        }
    };
    refused(&umbrellas, "routes.all: it is acme's, and so is what waits for it").await;
    refused(&of(""), "Give the route that is for all tenants another name").await;
    stored.file.write(&text(""));
    stored.apply(&["--prune", "--held", "drop"]).await;
    refused(&umbrellas, "routes.all: it was deleted less than a day ago, and was acme's").await;
    let long_ago =
        "UPDATE tenant_section SET state_ms = state_ms - 86400001 WHERE state = 'dropped'";
    stored.database.run(long_ago).await;
    stored.file.write(&umbrellas);
    stored.apply(&[]).await;
    // One table in braces leaves no room for what else there is.
    refused("tenants = { more = { origin = 'hubspot/3' } }", ":1:11: tenants: is one table").await;
    stored.end().await;
}

/// A worker that knows no tenants would take what is for them as nobody's.
async fn nothing_is_taken_before_the_records_were_read(engine: Engine) {
    let acme = Endpoint::start([]);
    let mut stored = Stored::of(engine, &one(&acme, "active", "active"), &[acme.address]).await;
    stored.apply(&[]).await;
    let url = stored.database.url();
    let proxy = Proxy::start(&Proxy::server_of(&url)).await;
    proxy.cut();
    stored.rig.settings.records.database_url = Some(SecretString::from(proxy.url(&url)));
    stored.rig.publish(&deal(1)).await;
    let worker = stored.rig.worker(|_| {});
    let admin = Admin::of(&worker);
    admin.wait_for_part("tenants", "not read yet").await;
    admin.wait_for_line("hubline_tenants_file_valid 0.0").await;
    assert!(acme.received().is_empty());
    proxy.restore();
    acme.wait(1).await;
    admin.wait_until_ready().await;

    // From then on it goes on from memory.
    proxy.cut();
    stored.rig.publish(&deal(2)).await;
    acme.wait(2).await;
    admin.wait_for_line("hubline_tenants_file_valid 0.0").await;
    proxy.restore();
    admin.wait_for_line("hubline_tenants_file_valid 1.0").await;
    wait_for_verdicts(&worker, "succeeded", 2).await;
    worker.stop().await;
    stored.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_with_its_place_and_nothing_is_written() {
    let acme = Endpoint::start([]);
    let text = one(&acme, "active", "active");
    let stored = Stored::of(Engine::Embedded, &text, &[acme.address]).await;
    stored.apply(&[]).await;
    let path = stored.file.path().display().to_string();
    // A route of this file's leads to what stands in the records alone.
    stored.file.write("[routes.more]\ntenant = \"acme\"\ndestination = \"acme-crm\"\n");
    assert!(stored.apply(&[]).await.contains("+ route more → acme-crm"));
    for (wrong, place) in [
        ("[routes.more]\ntenant = \"acme\"\ndestination = \"acme-crn\"\n", ":3:15: routes.more"),
        ("[tenants.other]\norigin = \"hubspot/62515\"\n", "origin"),
        ("[tenants.other\n", ":1:"),
    ] {
        stored.file.write(wrong);
        let refused = stored.tenants(&["apply", &path]).await;
        assert!(!refused.status.success());
        assert!(said(&refused).contains(place), "{place}: {}", said(&refused));
    }
    // And goes out as it stands there.
    let tested = stored.done(&["test", "acme-crm", "--route", "more"]).await;
    assert!(tested.contains("200 after"), "{tested}");
    assert_eq!(acme.received().len(), 1);
    let shown = stored.done(&["show", "route/more"]).await;
    assert!(
        shown.contains("[routes.more]") && shown.contains("destination = \"acme-crm\""),
        "{shown}"
    );
    let meant = stored.tenants(&["show", "destination/acme-crn"]).await;
    assert!(said(&meant).contains("did you mean \"acme-crm\""), "{}", said(&meant));
    assert_eq!(stored.database.number("SELECT count(*) FROM tenant_section").await, 4);
    stored.end().await;
}

/// What is too long for whoever reads it would leave a worker that starts without any.
#[tokio::test(flavor = "multi_thread")]
async fn no_more_is_applied_than_is_read_with_what_installs_add() {
    // Each a little shorter than a section may be.
    let text = |routes: usize| {
        let values = vec![format!("'{}'", "x".repeat(4_000)); 260].join(", ");
        let route = |number| {
            format!(
                "[routes.r{number}]\ndestination = 'd'\n\
                 filter = {{ field = 'a', operator = 'in', value = [{values}] }}\n"
            )
        };
        let routes: String = (0..routes).map(route).collect();
        format!("[destinations.d]\nurl = 'https://example.com'\nsign = 'none'\n{routes}")
    };
    let stored = Stored::of(Engine::Embedded, &text(15), &[]).await;
    let path = stored.file.path().display().to_string();
    stored.apply(&[]).await;
    assert_eq!(stored.database.number("SELECT count(*) FROM tenant_section").await, 16);
    stored.file.write(&text(16));
    for command in ["plan", "apply"] {
        let refused = stored.tenants(&[command, &path]).await;
        let told = said(&refused);
        assert!(!refused.status.success() && told.contains("and may have 15728640"), "{told}");
    }
    assert_eq!(stored.database.number("SELECT count(*) FROM tenant_section").await, 16);
    // As a file it can be used.
    stored.done(&["check", &path]).await;
    stored.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_is_tested_as_the_records_have_it_and_what_is_done_is_told_as_json() {
    let acme = Endpoint::start([]);
    let stored =
        Stored::of(Engine::Embedded, &one(&acme, "active", "active"), &[acme.address]).await;
    stored.apply(&[]).await;
    let event = stored.file.directory().join("event.json");
    std::fs::write(&event, deal(1)).unwrap();
    let event = event.to_str().unwrap();
    let test = |route| ["routes", "test", "--no-secrets", "--json", "--route", route, event];
    let tested = said(&stored.worker(&test("acme-deals")).await);
    let tested: serde_json::Value = serde_json::from_str(&tested).unwrap();
    assert_eq!(
        (&tested["is_taken"], &tested["request"]["url"]),
        (&true.into(), &acme.url().into())
    );
    let unknown = said(&stored.worker(&test("acme")).await);
    assert!(unknown.contains("there is no route \"acme\" in records"), "{unknown}");

    for (command, became) in
        [("pause", "paused"), ("pause", "unchanged"), ("resume", "active"), ("resume", "unchanged")]
    {
        let told = stored.done(&[command, "--json", "route/acme-deals"]).await;
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let expected = serde_json::json!({ "name": "route acme-deals", "became": became });
        assert_eq!(told, expected, "{command}");
    }
    stored.end().await;
}

on_every_engine! {
    workers_follow_what_is_applied_paused_and_resumed
    what_waits_for_a_deleted_route_ends_as_was_said
    what_waits_for_a_deleted_tenant_ends_as_was_said
    nothing_is_taken_before_the_records_were_read
}
