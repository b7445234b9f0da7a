//! What is left of one tenant where others look: connections, metrics, pages and errors.

use shared::message::DeathReason;
use tokio::net::TcpSocket;

use crate::harness::{
    Admin, Engine, deal, deal_of, on_every_engine, pause, wait_for_verdicts, within,
};
use crate::tenants::endpoint::{Answer, Endpoint, Received};
use crate::tenants::file::{File, SECRET};
use crate::tenants::{rig_with, two, worker};

/// Both tenants' endpoints are at one host: their requests may share a connection, and nothing else.
async fn a_connection_takes_nothing_from_one_tenant_to_the_next(engine: Engine) {
    let cookie =
        Answer(200, Some(("set-cookie", "session=acmes; Path=/".to_owned())), String::new());
    let host = Endpoint::start(vec![cookie; 8]);
    let address = host.address;
    let file = File::of(&format!(
        r#"
        tenants.acme = {{ origin = "hubspot/62515" }}
        tenants.umbrella = {{ origin = "hubspot/62516" }}
        [destinations.acme-crm]
        tenant = "acme"
        url = "http://{address}/acme"
        secret = @secret
        headers = {{ X-Acme = "of ACME alone", Authorization = @secret }}
        [destinations.umbrella-crm]
        tenant = "umbrella"
        url = "http://{address}/umbrella"
        sign = "none"
        [routes.acme-all]
        tenant = "acme"
        destination = "acme-crm"
        [routes.umbrella-all]
        tenant = "umbrella"
        destination = "umbrella-crm"
        "#
    ));
    let rig = rig_with(engine, &file, &[address]).await;
    let worker = worker(&rig);
    for id in 1..=4 {
        // One after the other, so that there is a connection to use again.
        rig.publish(&deal(id)).await;
        wait_for_verdicts(&worker, "succeeded", id * 2 - 1).await;
        rig.publish(&deal_of(62516, id)).await;
        wait_for_verdicts(&worker, "succeeded", id * 2).await;
    }
    worker.stop().await;
    let received = host.received();
    let of = |path: &str| -> Vec<&Received> {
        received.iter().filter(|received| received.uri == path).collect()
    };
    let (acmes, umbrellas) = (of("/acme"), of("/umbrella"));
    assert_eq!((acmes.len(), umbrellas.len()), (4, 4));
    assert!(acmes.iter().all(|received| received.header("authorization") == SECRET));
    for received in &umbrellas {
        let names: Vec<_> = received.headers.iter().map(|(name, _)| name.as_str()).collect();
        for name in ["authorization", "x-acme", "cookie", "webhook-signature", "referer"] {
            assert!(!names.contains(&name), "{name} in {names:?}");
        }
    }
    rig.finish().await;
}

/// Metrics and pages are for whoever runs Hubline, and are kept elsewhere.
async fn metrics_and_pages_say_no_secret_no_address_and_no_words_of_a_tenants(engine: Engine) {
    let refusal = Answer(422, None, "words of ACME alone".to_owned());
    let (acme, umbrella) = (Endpoint::start([refusal]), Endpoint::start([]));
    let headers = "headers = { X-Environment = \"test\", X-Key = @secret }";
    let text = two(&acme, &umbrella).replacen("headers = { X-Environment = \"test\" }", headers, 1);
    let file = File::of(&text);
    let rig = rig_with(engine, &file, &[acme.address, umbrella.address]).await;
    let worker = worker(&rig);
    let event = deal(1).replace("\"CRM_UI\"", "\"CRM_UI\",\"propertyValue\":\"words of a person\"");
    rig.publish(&event).await;
    let letter = rig.queues.take("dead").await.message.unwrap();
    rig.publish(&deal_of(62516, 2)).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    let admin = Admin::of(&worker);
    let named = async {
        loop {
            let limits = admin.get("limits").await;
            if ["acme", "umbrella"].iter().all(|name| limits.contains(name)) {
                return;
            }
            pause().await;
        }
    };
    within("both tenants' limits", named).await;
    let mut said = String::new();
    for page in ["metrics", "limits", "readyz"] {
        said += &admin.get(page).await;
    }
    worker.stop().await;
    let address = acme.address.to_string();
    for part in [SECRET, &SECRET[6..20], &address, "/hooks", "of=acme", "words of"] {
        assert!(!said.contains(part), "`{part}` in {said}");
    }
    let death = letter.death.unwrap();
    assert_eq!((death.reason, &*death.code), (DeathReason::Permanent, "DESTINATION_422"));
    // Its own letter says what its own destination said, and not where that is.
    assert!(death.error.contains("words of ACME alone"), "{}", death.error);
    assert!(!death.error.contains(&address) && !death.error.contains("/hooks"), "{}", death.error);
    rig.finish().await;
}

/// Where nobody listens the error says so, and no address.
async fn an_error_of_the_network_says_no_address(engine: Engine) {
    // Taken, so that nobody else can listen there.
    let taken = TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gone = taken.local_addr().unwrap();
    let file = File::of(&format!(
        r#"
        tenants.acme = {{ origin = "hubspot/62515" }}
        routes.acme-all = {{ tenant = "acme", destination = "acme-crm" }}
        destinations.acme-crm = {{ tenant = "acme", url = "http://{gone}/hooks?key=7", sign = "none" }}
        "#
    ));
    let rig = rig_with(engine, &file, &[gone]).await;
    let worker = worker(&rig);
    rig.publish(&deal(1)).await;
    let letter = rig.queues.take("dead").await.message.unwrap();
    worker.stop().await;
    let error = letter.death.unwrap().error;
    for part in ["127.0.0.1", &gone.port().to_string(), "hooks", "key"] {
        assert!(!error.contains(part), "`{part}` in {error}");
    }
    rig.finish().await;
}

on_every_engine! {
    a_connection_takes_nothing_from_one_tenant_to_the_next
    metrics_and_pages_say_no_secret_no_address_and_no_words_of_a_tenants
    an_error_of_the_network_says_no_address
}
