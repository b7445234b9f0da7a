//! Secrets that were made for destinations, as the console shows them and has them rotated.

use shared::testing::{DatabaseEngine, on_every_database, prefix};
use tokio::process::Command;

use super::rig::{Answer, OPERATOR, Rig, VIEWER};

const OWN_OPERATOR: &str = "own-operator-0123456789";
const OWN_VIEWER: &str = "own-viewer-0123456789";
const OTHER_OPERATOR: &str = "other-operator-0123456789";
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

const FILE: &str = r#"
tenants.acme.origin = "hubspot/62515"
tenants.umbrella.origin = "hubspot/62516"
[destinations.acme-crm]
tenant = "acme"
url = "https://hooks.acme.example/"
secret = { generated = true }
[destinations.acme-old]
tenant = "acme"
url = "https://old.acme.example/"
secret = { env = "TENANT_ACME" }
[destinations.umbrella-crm]
tenant = "umbrella"
url = "https://hooks.umbrella.example/"
sign = "hubspot"
secret = { generated = true }
[destinations.of-all]
url = "https://hooks.all.example/"
secret = { generated = true }
"#;

/// `worker tenants …` on the rig's records.
async fn tenants(rig: &Rig, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.arg("tenants").args(arguments).env_clear().env("SECRETS_KEY", KEY);
    let output = command.env("DATABASE_URL", rig.letters.database.url()).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A console with the key whose people are of all, and of two accounts alone.
async fn rig(engine: DatabaseEngine, keys: &[&str]) -> Rig {
    let file = std::env::temp_dir().join(prefix());
    let people = format!(
        "hubspot/62515 operator {OWN_OPERATOR}\nhubspot/62515 viewer {OWN_VIEWER}\n\
         hubspot/62516 operator {OTHER_OPERATOR}\n"
    );
    std::fs::write(&file, people).unwrap();
    let flags = ["--console-token", OPERATOR, "--console-viewer-token", VIEWER];
    let people = ["--console-tenant-tokens-file", file.to_str().unwrap()];
    let rig = Rig::with(engine, &[&flags[..], &people, keys].concat()).await;
    std::fs::write(&file, FILE).unwrap();
    tenants(&rig, &["apply", "--by", "ann", file.to_str().unwrap()]).await;
    std::fs::remove_file(file).unwrap();
    rig
}

fn with_key(engine: DatabaseEngine) -> impl Future<Output = Rig> {
    rig(engine, &["--secrets-key", KEY])
}

/// The secret that a page shows.
fn shown(page: &Answer) -> String {
    page.shows(&["shown this once", "whsec_"]);
    let rest = page.text.split("<pre class=\"payload\">").nth(1).unwrap();
    rest.split("</pre>")
        .next()
        .unwrap()
        .replace("&#43;", "+")
        .replace("&#61;", "=")
        .replace("&#47;", "/")
}

async fn a_secret_is_rotated_and_the_new_one_is_shown_this_once(engine: DatabaseEngine) {
    let rig = with_key(engine).await;
    let ann = rig.browser.sign_in(OPERATOR, "Ann").await;
    let link = "href=\"/secrets/acme-crm\">Rotate secret…</a>";
    ann.get("/tenants/tenant/acme").await.shows(&[link]).hides(&["/secrets/acme-old"]);
    ann.get("/tenants/destination/acme-crm").await.shows(&[link, "generated"]);
    let listed = ann.get("/secrets").await;
    listed.shows(&["acme-crm", "umbrella-crm", "of-all", "by ann"]).hides(&["acme-old"]);
    let path = "/secrets/acme-crm";
    ann.get(path).await.shows(&["Rotate secret</button>", "for a day"]).hides(&["whsec_"]);
    assert_eq!(ann.post(path, &[]).await.status, 400);

    let before = tenants(&rig, &["secret", "acme-crm"]).await;
    let page = ann.post(path, &[("former", "both")]).await;
    let secret = shown(&page);
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(page.header("location").is_empty() && secret != before);
    assert_eq!(tenants(&rig, &["secret", "acme-crm"]).await, secret);
    let again = ann.get(path).await;
    again.shows(&["signs as well until", "by Ann", "at-once"]).hides(&["whsec_", "both"]);
    // While the former one signs, only its end goes.
    let refused = ann.post(path, &[("former", "both")]).await;
    assert!(refused.status == 400 && refused.text.contains("Nothing was changed"), "{refused:?}");
    let at_once = ann.post(path, &[("former", "at-once")]).await;
    assert_ne!(shown(&at_once), secret);
    at_once.hides(&["signs as well until"]);

    let audit = ann.get("/audit").await;
    audit.shows(&["rotate secret", "destination=acme-crm", "Ann"]).hides(&["whsec_"]);
    for path in ["/secrets/acme-old", "/secrets/none", "/secrets/%3Cb%3E"] {
        assert_eq!(ann.get(path).await.status, 404, "{path}");
    }
    // One of the tenant's own is changed where it stands.
    let refused = ann.post("/secrets/acme-old", &[("former", "at-once")]).await;
    assert!(refused.status == 400 && refused.text.contains("previous_secret"), "{refused:?}");
    // HubSpot's form has one signature.
    let hubspots = ann.get("/secrets/umbrella-crm").await;
    hubspots.shows(&["one signature", "at-once"]).hides(&["both"]);
    let refused = ann.post("/secrets/umbrella-crm", &[("former", "both")]).await;
    assert_eq!(refused.status, 400);
    ann.post("/secrets/umbrella-crm", &[("former", "at-once")]).await.shows(&["shown this once"]);
    rig.finish().await;
}

async fn whoever_sees_one_account_rotates_its_secrets_and_finds_no_others(engine: DatabaseEngine) {
    let rig = with_key(engine).await;
    let with = |token: &str| rig.browser.with("authorization", &format!("Bearer {token}"));
    let (own, viewer, other) = (with(OWN_OPERATOR), with(OWN_VIEWER), with(OTHER_OPERATOR));
    let others = ["umbrella", "of-all", "hooks."];
    own.get("/secrets").await.shows(&["acme-crm", "an operator of all"]).hides(&others);
    let mut before = Vec::new();
    for name in ["umbrella-crm", "of-all"] {
        before.push(tenants(&rig, &["secret", name]).await);
    }
    for path in ["/secrets/umbrella-crm", "/secrets/of-all", "/secrets/none"] {
        let nowhere = own.get("/nowhere").await;
        let read = own.get(path).await;
        assert_eq!((read.status, &read.text), (404, &nowhere.text), "{path}");
        let written = own.post(path, &[("former", "at-once")]).await;
        assert_eq!((written.status, &written.text), (404, &nowhere.text), "{path}");
    }
    assert_eq!(other.post("/secrets/acme-crm", &[("former", "at-once")]).await.status, 404);
    for (name, before) in ["umbrella-crm", "of-all"].into_iter().zip(before) {
        assert_eq!(tenants(&rig, &["secret", name]).await, before, "{name}");
    }

    viewer
        .get("/secrets/acme-crm")
        .await
        .shows(&["Operators can"])
        .hides(&["<form method=\"post\" action=\"/secrets"]);
    assert_eq!(viewer.post("/secrets/acme-crm", &[("former", "both")]).await.status, 403);
    let page = own.post("/secrets/acme-crm", &[("former", "both")]).await;
    assert_eq!(tenants(&rig, &["secret", "acme-crm"]).await, shown(&page));
    page.hides(&others);
    // Another site's page does not get it done.
    let elsewhere = own.with("sec-fetch-site", "cross-site");
    let refused = elsewhere.post_bare("/secrets/acme-crm", &[("former", "at-once")]).await;
    assert_eq!(refused.status, 403);
    let ann = rig.browser.sign_in(OPERATOR, "Ann").await;
    ann.get("/audit").await.shows(&["console operator (hubspot/62515)", "rotate secret"]);
    rig.finish().await;
}

async fn a_console_without_the_key_says_so(engine: DatabaseEngine) {
    let rig = rig(engine, &[]).await;
    let ann = rig.browser.sign_in(OPERATOR, "Ann").await;
    ann.get("/secrets/acme-crm").await.shows(&["SECRETS_KEY"]).hides(&["Rotate secret</button>"]);
    let refused = ann.post("/secrets/acme-crm", &[("former", "at-once")]).await;
    assert!(refused.status == 400 && refused.text.contains("SECRETS_KEY"), "{refused:?}");
    rig.finish().await;
}

on_every_database! {
    a_secret_is_rotated_and_the_new_one_is_shown_this_once
    whoever_sees_one_account_rotates_its_secrets_and_finds_no_others
    a_console_without_the_key_says_so
}
