//! Tenants, as the console shows them, holds them and tries events on them.

use actix_web::{App, HttpResponse, HttpServer, web};
use shared::testing::{DatabaseEngine, on_every_database, prefix};
use tokio::process::Command;

use super::rig::{OPERATOR, Rig, VIEWER};
use crate::harness::deal;

const FILE: &str = r#"
[tenants.acme]
origin = "hubspot/62515"
name = "ACME <b>Corp</b>"
[destinations.acme-crm]
tenant = "acme"
url = "https://hooks.acme.example/a-secret-path"
secret = { env = "TENANT_ACME" }
headers = { X-Plain = "a-plain-token" }
[routes.acme-deals]
tenant = "acme"
destination = "acme-crm"
filter = { field = "subscriptionType", operator = "equals", value = "deal.creation" }
transform = { template = '{"name": {{ record.dealname }}}' }
[tenants.umbrella]
origin = "hubspot/62516"
"#;

const LIMITS: &str = r#"[
    {"limit":"destination/acme-crm","of":"calls","used":0,"size":null,"window_ms":null,"waiting_live":0,
     "waiting_bulk":0,"oldest_ms":0,"drained_ms":0,"held_ms":0,"breaker":"open"},
    {"limit":"destination/acme-crm","of":"requests","used":0,"size":null,"window_ms":null,"waiting_live":1234,
     "waiting_bulk":0,"oldest_ms":125000,"drained_ms":0,"held_ms":4000,"breaker":null},
    {"limit":"tenant/acme","of":"requests","used":37,"size":1000,"window_ms":60000,"waiting_live":0,
     "waiting_bulk":0,"oldest_ms":0,"drained_ms":0,"held_ms":0,"breaker":null}
]"#;

const STRANGERS: &str = r#"[
    {"origin":"hubspot/62515","events":9,"first_ms":1790000000000,"last_ms":1790000000000},
    {"origin":"hubspot/777","events":1234,"first_ms":1790000000000,"last_ms":1790000500000}
]"#;

async fn apply(rig: &Rig) {
    apply_text(rig, FILE).await;
}

/// Writes these tenants into the records.
pub(super) async fn apply_text(rig: &Rig, text: &str) {
    let file = std::env::temp_dir().join(format!("{}.toml", prefix()));
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.args(["tenants", "apply", "--by", "ann"]).arg(&file).env_clear();
    let output = command.env("DATABASE_URL", rig.letters.database.url()).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    std::fs::remove_file(file).unwrap();
}

async fn tenants_are_shown_with_how_they_fare(engine: DatabaseEngine) {
    let limits = || async { HttpResponse::Ok().content_type("application/json").body(LIMITS) };
    let strangers =
        || async { HttpResponse::Ok().content_type("application/json").body(STRANGERS) };
    let server = HttpServer::new(move || {
        App::new()
            .route("/limits", web::get().to(limits))
            .route("/unknown-tenants", web::get().to(strangers))
    });
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0].to_string();
    let running = server.run();
    let (handle, serving) = (running.handle(), tokio::spawn(running));
    let rig = Rig::with(engine, &["--alert-sources", &address]).await;
    let none = rig.browser.get("/tenants").await;
    none.shows(&["No tenants", "worker tenants apply", "from the records"]);
    none.shows(&["Workers send for tenants that are not here"]);
    apply(&rig).await;
    let page = rig.browser.get("/tenants").await;
    page.shows(&["from the records"]).hides(&["tenants that are not here"]);
    page.shows(&["ACME &#60;b&#62;Corp", "hubspot/62515", "hooks.acme.example", "acme-deals"]);
    page.shows(&["37 of 1000 requests in 60 s", "1,234", "2m 5s", "4s", ">open<"]);
    page.hides(&["<b>Corp", "a-secret-path"]);
    // One of them is a tenant by now.
    page.shows(&["Accounts of no tenant", "/events?origin=hubspot/777", "1,234"]);
    page.hides(&["/events?origin=hubspot/62515"]);
    rig.browser.get("/tenants?name=UMB").await.shows(&["hubspot/62516"]).hides(&["hubspot/62515"]);
    let one = rig.browser.get("/tenants/destination/acme-crm").await;
    one.shows(&["by ann", "TENANT_ACME", "1,234", ">open<", "/tenants/route/acme-deals"]);
    one.shows(&["https://hooks.acme.example/…"]).hides(&["a-secret-path", "a-plain-token"]);
    for path in ["/tenants/route/acme-crm", "/tenants/nothing/acme", "/tenants/tenant/%3Cb%3E"] {
        assert_eq!(rig.browser.get(path).await.status, 404, "{path}");
    }
    rig.finish().await;
    handle.stop(false).await;
    serving.await.unwrap().unwrap();
}

async fn a_files_tenants_are_shown_and_said_to_be_a_files(engine: DatabaseEngine) {
    let file = std::env::temp_dir().join(format!("{}.toml", prefix()));
    std::fs::write(&file, FILE).unwrap();
    let rig = Rig::with(engine, &["--tenants-file", file.to_str().unwrap()]).await;
    let page = rig.browser.get("/tenants").await;
    page.shows(&["hubspot/62515", "acme-deals", "from the file", file.to_str().unwrap()]);
    let path = "/tenants/route/acme-deals";
    rig.browser.get(path).await.shows(&["acme-crm"]).hides(&["Pause</button>"]);
    assert_eq!(rig.browser.post(&format!("{path}/pause"), &[]).await.status, 404);
    rig.finish().await;
    std::fs::remove_file(file).unwrap();
}

async fn who_may_act_holds_a_section_and_lets_it_go_on(engine: DatabaseEngine) {
    let rig = Rig::guarded(engine).await;
    apply(&rig).await;
    let (ann, eve) =
        (rig.browser.sign_in(OPERATOR, "Ann").await, rig.browser.sign_in(VIEWER, "Eve").await);
    let path = "/tenants/route/acme-deals";
    eve.get(path).await.shows(&["acme-crm"]).hides(&["Pause</button>", "Try an event"]);
    assert_eq!(eve.post(&format!("{path}/pause"), &[]).await.status, 403);
    let paused = ann.post(&format!("{path}/pause"), &[]).await;
    assert_eq!(paused.header("location"), format!("{path}?done=section-pause"));
    ann.get(path).await.shows(&[">paused<", "by Ann", "Resume</button>"]);
    let again = ann.post(&format!("{path}/pause"), &[]).await;
    assert_eq!(again.header("location"), format!("{path}?done=section-nothing"));
    ann.post(&format!("{path}/resume"), &[]).await;
    ann.get(path).await.shows(&[">active<", "Pause</button>"]);
    assert_eq!(ann.post(&format!("{path}/explode"), &[]).await.status, 404);
    assert_eq!(ann.post("/tenants/route/none/pause", &[]).await.status, 404);
    ann.get("/audit").await.shows(&["pause", "resume", "route=acme-deals", "write tenants"]);
    rig.finish().await;
}

async fn an_event_is_tried_on_a_route_without_being_sent(engine: DatabaseEngine) {
    let rig = Rig::new(engine).await;
    apply(&rig).await;
    let path = "/tenants/route/acme-deals";
    let record = r#"{"dealname":"Big <deal>"}"#;
    let fields = [("event", deal(1)), ("record", record.to_owned())];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    let page = rig.browser.post(path, &fields).await;
    page.shows(&["goes out", "the event is acme&#39;s", "yes: subscriptionType equals"]);
    page.shows(&["{&#34;name&#34;:&#34;Big &#60;deal&#62;&#34;}"]);
    let other = deal(1).replace("deal.creation", "deal.deletion");
    rig.browser.post(path, &[("event", &other)]).await.shows(&["does not go this way", "no: "]);
    let nonsense = rig.browser.post(path, &[("event", "<b>")]).await;
    nonsense.shows(&["no event", "&#60;b&#62;"]).hides(&["<b>"]);
    assert_eq!(rig.browser.post("/tenants/tenant/acme", &fields).await.status, 404);
    rig.finish().await;
}

on_every_database! {
    tenants_are_shown_with_how_they_fare
    a_files_tenants_are_shown_and_said_to_be_a_files
    who_may_act_holds_a_section_and_lets_it_go_on
    an_event_is_tried_on_a_route_without_being_sent
}
