//! The pages of tenants, their destinations and routes, and the secrets that were made for them.

use std::fs;
use std::path::Path;

use thirtyfour::By;
use tokio::process::Command;

use super::chromium::Scripts;
use super::pages::{draw, look};
use super::room::Room;
use super::site::{Mended, Site, failing};
use super::visitor::Visitor;
use crate::harness::deal;

const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// ACME's Slack is down, and Umbrella waits. Nothing is called at these addresses.
const FILE: &str = r#"
[tenants.acme]
origin = "hubspot/62515"
name = "ACME Corp"
[tenants.umbrella]
origin = "hubspot/8841107"
name = "Umbrella Corporation of Raccoon City and All of Its Subsidiaries"
state = "paused"

[destinations.acme-crm]
tenant = "acme"
url = "https://hooks.acme.invalid/hubspot"
secret = { generated = true }
[destinations.umbrella-crm-of-the-european-subsidiary]
tenant = "umbrella"
url = "https://hooks.umbrella.invalid/a/long/path/to/where/all/of/its/events/are/to/go"
sign = "hubspot"
secret = { generated = true }

[routes.acme-deals]
tenant = "acme"
destination = "acme-crm"
filter = { logic = "and", conditions = [
  { field = "subscriptionType", operator = "starts_with", value = "deal." },
  { field = "changeSource", operator = "not_in", value = ["IMPORT", "INTEGRATION"] },
] }
[routes.umbrella-all]
tenant = "umbrella"
destination = "umbrella-crm-of-the-european-subsidiary"
"#;

async fn apply(data: &Path) {
    let file = data.join("tenants.toml");
    fs::write(&file, FILE).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.args(["tenants", "apply", "--by", "ann"]).arg(&file).arg("--data").arg(data);
    let output = command.env_clear().env("SECRETS_KEY", KEY).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_tenants_are_whole() {
    let room = Room::new();
    let data = room.0.clone();
    let flags = ["--secrets-key", KEY];
    let registry = failing(&Mended::default(), |id| format!("order {id} has no amount"));
    let site = Site::standalone(room, &flags, registry).await;
    apply(&data).await;
    let visitor = Visitor::of(&site, Scripts::Run).await;
    visitor.open_until("/tenants", "umbrella-all").await;
    site.send(&[deal(1)]).await;
    for (path, words) in [
        ("/tenants/tenant/acme", "Rotate secret"),
        ("/tenants/tenant/umbrella", "Subsidiaries"),
        ("/tenants/destination/acme-crm", "acme.invalid"),
        ("/tenants/destination/umbrella-crm-of-the-european-subsidiary", "umbrella"),
        ("/tenants/route/acme-deals", "acme-crm"),
        ("/tenants/route/umbrella-all", "umbrella"),
        ("/secrets/umbrella-crm-of-the-european-subsidiary", "Rotate secret"),
    ] {
        visitor.open_until(path, words).await;
        look(&visitor).await;
    }
    visitor.open("/tenants/route/acme-deals").await;
    visitor.click(By::Css("textarea[name=event]")).await;
    visitor.write("event", &deal(7)).await;
    visitor.press("Try").await;
    visitor.reads("starts_with").await;
    look(&visitor).await;
    visitor.open("/secrets").await;
    look(&visitor).await;
    visitor.open("/tenants").await;
    draw(&visitor, "tenants").await;
    visitor.open("/secrets/acme-crm").await;
    draw(&visitor, "secret").await;
    visitor.press("Rotate secret").await;
    visitor.reads("It is shown this once").await;
    look(&visitor).await;
    visitor.leave().await;
    site.finish().await;
}
