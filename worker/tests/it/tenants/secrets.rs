//! Secrets that Hubline makes for destinations: applied, rotated and signed with, and nobody else's.

mod applied;

use secrecy::SecretString;
use shared::testing::{DatabaseEngine, on_every_database};
use tokio::process::Command;
use worker::parts::Worker;

use super::endpoint::{Endpoint, Received};
use super::file::File;
use super::signed::{is_signed_with, is_signed_with_as_hubspot_does};
use super::{one, two};
use crate::harness::{
    Admin, Engine, Rig, deal, deal_of, on_every_engine, wait_for_verdicts, within,
};
use applied::{Applied, key};

const GENERATED: &str = "secret = { generated = true }";

/// How many signatures a request has.
fn signatures(received: &Received) -> usize {
    received.header("webhook-signature").split(' ').count()
}

/// Publishes events until one of them arrives as is asked for, which it is once the worker has followed.
async fn until(rig: &Rig, endpoint: &Endpoint, is_so: impl Fn(&Received) -> bool) -> Received {
    let published = async {
        loop {
            let sent = endpoint.received().len();
            rig.publish(&deal(1000 + sent as u64)).await;
            let received = endpoint.wait(sent + 1).await;
            if let Some(found) = received[sent..].iter().find(|received| is_so(received)) {
                return found.clone();
            }
        }
    };
    within("another signature", published).await
}

fn database_of(engine: Engine) -> DatabaseEngine {
    match engine {
        Engine::Cluster => DatabaseEngine::Postgres,
        Engine::Embedded => DatabaseEngine::Sqlite,
    }
}

async fn ready(rig: &Rig) -> Worker {
    let worker = rig.worker(|_| {});
    Admin::of(&worker).wait_until_ready().await;
    worker
}

async fn a_rotated_secret_signs_beside_the_former_and_then_alone(engine: Engine) {
    let acme = Endpoint::start([]);
    let text = one(&acme, "active", "active").replace("secret = @secret", GENERATED);
    let applied = Applied::of(database_of(engine), &text, &[&acme]).await;
    let said = String::from_utf8(applied.apply(&[]).await.stderr).unwrap();
    assert!(said.contains("worker tenants secret acme-crm") && !said.contains("whsec_"), "{said}");
    // Nothing is made anew by applying it once more.
    let first = applied.secret("acme-crm").await;
    applied.apply(&[]).await;
    assert_eq!(applied.secret("destination/acme-crm").await, first);

    let rig = applied.rig(engine, Some(&key(1))).await;
    let worker = ready(&rig).await;
    rig.publish(&deal(1)).await;
    let received = acme.wait(1).await.remove(0);
    assert!(is_signed_with(&received, &first) && signatures(&received) == 1, "{received:?}");

    let second = applied.rotate("acme-crm", "24h").await;
    let both = until(&rig, &acme, |received| signatures(received) == 2).await;
    assert!(is_signed_with(&both, &first) && is_signed_with(&both, &second), "{both:?}");
    let again = applied.refused(&["rotate", "acme-crm"]).await;
    assert!(again.contains("signs until") && again.contains("--overlap 0s"), "{again}");

    let third = applied.rotate("acme-crm", "0s").await;
    let alone = until(&rig, &acme, |received| is_signed_with(received, &third)).await;
    assert_eq!(signatures(&alone), 1, "{alone:?}");
    assert!(!is_signed_with(&alone, &first) && !is_signed_with(&alone, &second), "{alone:?}");

    // The end of an overlap comes by the clock: nobody changes anything.
    let fourth = applied.rotate("acme-crm", "1s").await;
    let is_over =
        |received: &Received| is_signed_with(received, &fourth) && signatures(received) == 1;
    let over = until(&rig, &acme, is_over).await;
    assert!(!is_signed_with(&over, &third), "{over:?}");
    worker.stop().await;

    let all = [&first, &second, &third, &fourth];
    for secret in all {
        assert!(secret.starts_with("whsec_"), "{secret}");
        assert_eq!(applied.with_plain(secret).await, 0, "a copy of the database has it plain");
    }
    let audit = "SELECT count(*) FROM audit WHERE filter = 'destination=acme-crm' AND (who, action) IN \
        (('ann', 'make secret'), ('ann', 'show secret'), ('bob', 'rotate secret'))";
    assert_eq!(applied.database.number(audit).await, 1 + 2 + 3);
    rig.finish().await;
    applied.database.end().await;
}

/// Whoever has no key, or another one, does nothing with what it cannot open.
async fn without_the_key_that_destination_alone_waits(engine: Engine) {
    let (acme, umbrella) = (Endpoint::start([]), Endpoint::start([]));
    let text = two(&acme, &umbrella).replacen("secret = @secret", GENERATED, 1);
    let mut applied = Applied::of(database_of(engine), &text, &[&acme, &umbrella]).await;
    applied.keys.clear();
    let path = applied.file.path().display().to_string();
    let refused = applied.refused(&["apply", &path]).await;
    for part in ["destinations.acme-crm.secret", "SECRETS_KEY", "nothing was changed"] {
        assert!(refused.contains(part), "{part} in {refused}");
    }
    assert_eq!(applied.database.number("SELECT count(*) FROM tenant_section").await, 0);
    applied.keys = key(1);
    applied.apply(&[]).await;

    for keys in [Some(key(2)), None] {
        let mut rig = applied.rig(engine, keys.as_deref()).await;
        let worker = ready(&rig).await;
        Admin::of(&worker).wait_for_line("hubline_destinations_unusable 1").await;
        rig.publish(&deal(1)).await;
        let sent = umbrella.received().len();
        rig.publish(&deal_of(62516, 2)).await;
        umbrella.wait(sent + 1).await;
        wait_for_verdicts(&worker, "limited", 1).await;
        worker.stop().await;
        assert!(acme.received().is_empty());
        if keys.is_some() {
            rig.finish_with_copies().await;
            continue;
        }
        // With the key what has waited goes on.
        let secrets_key = &mut rig.settings.processing.app.secrets_key;
        secrets_key.secrets_key = Some(SecretString::from(key(1)));
        let worker = ready(&rig).await;
        let received = acme.wait(1).await.remove(0);
        worker.stop().await;
        assert!(is_signed_with(&received, &applied.secret("acme-crm").await), "{received:?}");
        rig.finish().await;
    }
    applied.database.end().await;
}

async fn a_secret_is_its_destinations_and_its_tenants(engine: DatabaseEngine) {
    let (acme, umbrella) = (Endpoint::start([]), Endpoint::start([]));
    let text = two(&acme, &umbrella).replace("secret = @secret", GENERATED);
    let applied = Applied::of(engine, &text, &[&acme, &umbrella]).await;
    applied.apply(&[]).await;
    let first = applied.secret("acme-crm").await;
    let hubspots = applied.secret("umbrella-crm").await;
    assert_eq!((first.len(), hubspots.len()), (50, 36), "{first} {hubspots}");

    // HubSpot's form has one signature.
    let refused = applied.refused(&["rotate", "umbrella-crm"]).await;
    assert!(refused.contains("one signature") && refused.contains("--overlap 0s"), "{refused}");
    let rotated = applied.rotate("umbrella-crm", "0s").await;
    assert!(rotated != hubspots && rotated == applied.secret("umbrella-crm").await);

    // Another tenant never has what one before it knows.
    let given =
        text.replacen("tenant = \"acme\"\n        url", "tenant = \"umbrella\"\n        url", 1);
    // Its route is another one then.
    let given = given.replacen(
        "[routes.acme-deals]\n        tenant = \"acme\"",
        "[routes.umbrella-deals]\n        tenant = \"umbrella\"",
        1,
    );
    applied.file.write(&given);
    applied.apply(&["--prune", "--held", "drop"]).await;
    let others = applied.secret("acme-crm").await;
    assert_ne!(others, first);
    let none = "SELECT count(*) FROM destination_secret WHERE previous IS NOT NULL";
    assert_eq!(applied.database.number(none).await, 0);

    // A row that somebody has put in the place of another opens nothing.
    applied
        .database
        .run("UPDATE destination_secret SET tenant = 'acme', form = 'standard' WHERE destination = 'umbrella-crm'")
        .await;
    let damaged = applied.refused(&["secret", "umbrella-crm"]).await;
    assert!(damaged.contains("not made"), "{damaged}");

    // What its section names again is changed where it stands, and what was made is gone.
    applied.file.write(&given.replacen(GENERATED, "secret = @secret", 1));
    applied.apply(&[]).await;
    let by_reference = applied.refused(&["rotate", "acme-crm"]).await;
    assert!(by_reference.contains("previous_secret"), "{by_reference}");
    let of_acme = "SELECT count(*) FROM destination_secret WHERE destination = 'acme-crm'";
    assert_eq!(applied.database.number(of_acme).await, 0);
    let missing = applied.refused(&["rotate", "acme-crn"]).await;
    assert!(missing.contains("no destination acme-crn"), "{missing}");

    applied.file.write("");
    applied.apply(&["--prune", "--held", "drop"]).await;
    assert_eq!(applied.database.number("SELECT count(*) FROM destination_secret").await, 0);
    applied.database.end().await;
}

async fn the_key_is_rotated_and_the_secrets_stay(engine: DatabaseEngine) {
    let acme = Endpoint::start([]);
    let text = one(&acme, "active", "active").replace("secret = @secret", GENERATED);
    let mut applied = Applied::of(engine, &text, &[&acme]).await;
    applied.apply(&[]).await;
    let secret = applied.secret("acme-crm").await;
    let rotated = applied.done(&["rotate", "acme-crm", "--json", "--by", "bob"]).await;
    let rotated: serde_json::Value = serde_json::from_str(&rotated).unwrap();
    assert!(rotated["former_until_ms"].as_i64().unwrap() > shared::clock::now_ms(), "{rotated}");
    let new = rotated["secret"].as_str().unwrap();
    assert_ne!(new, secret);

    // A test is signed as a worker would, and not at all without the key.
    let sent = acme.received().len();
    applied.done(&["test", "acme-crm"]).await;
    let tested = acme.wait(sent + 1).await.remove(sent);
    assert!(is_signed_with(&tested, &secret) && is_signed_with(&tested, new), "{tested:?}");

    // Whoever has another key than the others seals nothing beside theirs.
    applied.keys = key(2);
    let refused = applied.refused(&["test", "acme-crm"]).await;
    assert!(refused.contains("SECRETS_KEY no longer has"), "{refused}");
    assert_eq!(acme.received().len(), sent + 1);
    let refused = applied.refused(&["rotate", "acme-crm", "--overlap", "0s"]).await;
    assert!(refused.contains("--lost-key"), "{refused}");
    let more = text.replace("acme-crm", "acme-new").replace("acme-deals", "acme-more");
    applied.file.write(&more);
    let path = applied.file.path().display().to_string();
    let refused = applied.refused(&["apply", &path]).await;
    assert!(refused.contains("SECRETS_KEY no longer has"), "{refused}");
    let refused = applied.refused(&["reseal"]).await;
    assert!(refused.contains("acme-crm") && refused.contains("no longer has"), "{refused}");

    applied.keys = format!("{} {}", key(2), key(1));
    assert!(applied.done(&["reseal", "--by", "ann"]).await.contains("1 secret is sealed"));
    applied.keys = key(2);
    assert_eq!(applied.secret("acme-crm").await, new);
    // The former one as well: it still signs.
    let rig = applied.rig(Engine::Embedded, Some(&key(2))).await;
    let worker = ready(&rig).await;
    rig.publish(&deal(1)).await;
    let received = acme.wait(sent + 2).await.remove(sent + 1);
    worker.stop().await;
    assert!(is_signed_with(&received, &secret) && is_signed_with(&received, new), "{received:?}");
    rig.finish().await;
    applied.keys = key(1);
    let refused = applied.refused(&["secret", "acme-crm"]).await;
    assert!(refused.contains("SECRETS_KEY no longer has"), "{refused}");
    applied.database.end().await;
}

/// One signature, which the endpoint verifies as HubSpot's.
async fn hubspots_form_is_signed_with_what_was_made(engine: Engine) {
    let (acme, umbrella) = (Endpoint::start([]), Endpoint::start([]));
    let text = two(&acme, &umbrella).replace("secret = @secret", GENERATED);
    let applied = Applied::of(database_of(engine), &text, &[&acme, &umbrella]).await;
    applied.apply(&[]).await;
    let rig = applied.rig(engine, Some(&key(1))).await;
    let worker = ready(&rig).await;
    rig.publish(&deal_of(62516, 1)).await;
    let received = umbrella.wait(1).await.remove(0);
    worker.stop().await;
    let secret = applied.secret("umbrella-crm").await;
    assert!(is_signed_with_as_hubspot_does(&umbrella, &received, &secret), "{received:?}");
    rig.finish().await;
    applied.database.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_workers_read_themselves_has_no_place_for_them() {
    let acme = Endpoint::start([]);
    let text = one(&acme, "active", "active").replace("secret = @secret", GENERATED);
    let file = File::of(&text);
    let mut settings = crate::harness::settings("unused", &[]);
    settings.processing.tenants.tenants_file = Some(file.path());
    let error = Worker::start(&settings, worker::Registry::new()).err().unwrap();
    let error = format!("{error:#}");
    assert!(error.contains("tenants.toml:7:18: destinations.acme-crm.secret"), "{error}");
    // A file that is to be applied may have them; one that TENANTS_FILE names may not.
    for (name, is_good) in [("NOTHING", true), ("TENANTS_FILE", false)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
        command.args(["tenants", "check"]).arg(file.path()).env(name, file.path());
        command.env("DESTINATION_ALLOW", acme.address.to_string());
        let output = command.output().await.unwrap();
        assert_eq!(output.status.success(), is_good, "{output:?}");
    }
}

on_every_engine! {
    a_rotated_secret_signs_beside_the_former_and_then_alone
    without_the_key_that_destination_alone_waits
    hubspots_form_is_signed_with_what_was_made
}

on_every_database! {
    a_secret_is_its_destinations_and_its_tenants
    the_key_is_rotated_and_the_secrets_stay
}
