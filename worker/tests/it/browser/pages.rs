//! Every page: whole, in any width and light, with much on it and with nothing. With
//! `HUBLINE_SCREENSHOTS=DIRECTORY` they are also drawn, for the documentation.

use std::path::PathBuf;

use serde_json::json;
use thirtyfour::By;

use super::chromium::Scripts;
use super::room::Room;
use super::showcase::{Showcase, TOKEN};
use super::site::{Mended, Site, failing};
use super::visitor::Visitor;
use crate::harness::{Engine, deal};

const WHOLE: &str = include_str!("whole.js");
/// The narrowest screen that is looked at, a telephone's, and a desk's; in pixels.
const WIDTHS: [u32; 3] = [320, 380, 1280];

/// Looks at the page that is open, in every width, light and dark.
pub(super) async fn look(visitor: &Visitor) {
    for is_dark in [true, false] {
        visitor.darken(is_dark).await;
        for width in WIDTHS {
            visitor.resize(width, 900).await;
            let faults = visitor.ask(WHOLE).await;
            let how = if is_dark { "dark" } else { "light" };
            assert_eq!(faults, json!([]), "{}, {width} px, {how}", visitor.path().await);
        }
    }
}

/// The same, and draws it under this name.
pub(super) async fn draw(visitor: &Visitor, name: &str) {
    look(visitor).await;
    let Some(directory) = std::env::var_os("HUBLINE_SCREENSHOTS").map(PathBuf::from) else {
        return;
    };
    std::fs::create_dir_all(&directory).unwrap();
    let mut shots = vec![(name.to_owned(), 1280, false)];
    if ["problems", "letter"].contains(&name) {
        shots.extend([(format!("{name}-dark"), 1280, true), (format!("{name}-phone"), 390, false)]);
    }
    for (name, width, is_dark) in shots {
        visitor.darken(is_dark).await;
        visitor.resize(width, 100).await;
        let height = visitor.ask("return document.documentElement.scrollHeight").await;
        let height = u32::try_from(height.as_u64().unwrap()).unwrap();
        // The beginning of a long list tells enough.
        visitor.resize(width, height.min(1000)).await;
        let file = directory.join(format!("{name}.png"));
        std::fs::write(file, visitor.chromium.session.screenshot_as_png().await.unwrap()).unwrap();
    }
    visitor.darken(false).await;
    visitor.resize(1280, 1000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_whole_in_any_width_and_light() {
    let showcase = Showcase::start().await;
    let visitor = Visitor::of(&showcase.site, Scripts::Run).await;
    visitor.open("/").await;
    visitor.arrives_at("Sign in").await;
    draw(&visitor, "sign-in").await;
    visitor.write("token", TOKEN).await;
    visitor.write("name", "ann").await;
    visitor.press("Sign in").await;
    visitor.arrives_at("Problems").await;
    visitor.open_until("/", "67 dead letters in 3 problems").await;
    showcase.receive().await;
    visitor.open_until("/", "70 dead letters in 4 problems").await;

    visitor.open_until("/events", "permanent").await;
    draw(&visitor, "events").await;
    note(&visitor).await;
    jobs(&visitor).await;

    letters(&visitor).await;
    discarded(&visitor).await;
    visitor.open_until("/", "in 3 problems").await;
    draw(&visitor, "problems").await;
    for by in ["code", "handler", "origin"] {
        visitor.open(&format!("/?by={by}&all=1")).await;
        look(&visitor).await;
    }
    events(&visitor).await;
    visitor.open("/limits").await;
    visitor.arrives_at("Limits").await;
    look(&visitor).await;
    for (page, title, name) in [("/audit", "Audit", "audit"), ("/health", "Health", "health")] {
        visitor.open(page).await;
        visitor.arrives_at(title).await;
        draw(&visitor, name).await;
    }
    visitor.leave().await;
    showcase.finish().await;
}

/// Follows a link in the row of this problem.
async fn follow_of(visitor: &Visitor, code: &str, link: &str) {
    visitor.open("/").await;
    visitor.click(By::XPath(format!("//tr[.//code='{code}']//a[.='{link}']"))).await;
}

async fn note(visitor: &Visitor) {
    follow_of(visitor, "ERP_422", "Note…").await;
    visitor.arrives_at("Note").await;
    visitor.write("note", "The ERP wants an amount since its update. Asked sales on Friday.").await;
    look(visitor).await;
    visitor.press("Write").await;
    visitor.reads("The note is written.").await;
}

async fn jobs(visitor: &Visitor) {
    visitor.hurry().await;
    follow_of(visitor, "SLACK_5XX", "Retry…").await;
    visitor.arrives_at("Retry").await;
    draw(visitor, "plan").await;
    visitor.press("Retry 41 letters").await;
    visitor.arrives_at("Job 1").await;
    look(visitor).await;
    visitor.sees(By::XPath("//dt[.='Succeeded']/following-sibling::dd[1]/a[.='41']")).await;
    draw(visitor, "job").await;
    follow_of(visitor, "ERP_422", "Retry…").await;
    visitor.press("Retry 16 letters").await;
    visitor.sees(By::XPath("//dt[.='Died again']/following-sibling::dd[1]/a[.='16']")).await;
    visitor.follow("Jobs").await;
    visitor.arrives_at("Jobs").await;
    draw(visitor, "jobs").await;
}

async fn letters(visitor: &Visitor) {
    follow_of(visitor, "ERP_422", "ERP_422").await;
    visitor.arrives_at("Letters").await;
    draw(visitor, "letters").await;
    visitor.click(By::Css(".filter summary")).await;
    look(visitor).await;
    // It died, was retried, and died again.
    visitor.open("/letters?object=9003").await;
    visitor.click(By::Css(".letters tbody th a")).await;
    visitor.reads("Letters before it").await;
    draw(visitor, "letter").await;
    visitor.click(By::Css(".payload summary")).await;
    look(visitor).await;
    for path in [
        "/letters?state=any",
        "/letters?reason=unreadable",
        "/letters?code=NOTHING",
        "/letters?portal=x&since=yesterday",
        "/letters/123456",
        "/actions/restart?code=ERP_422",
        "/actions/discard",
    ] {
        visitor.open(path).await;
        look(visitor).await;
    }
}

async fn discarded(visitor: &Visitor) {
    visitor.open("/letters?code=HUBSPOT_401").await;
    for _ in 0..3 {
        visitor.click(By::Css("input[name=id]:not(:checked)")).await;
    }
    look(visitor).await;
    visitor.press("Discard ticked…").await;
    visitor.arrives_at("Discard").await;
    look(visitor).await;
    visitor.press("Discard 3 letters").await;
    visitor.arrives_at("Job 3").await;
    visitor.open_until("/jobs", "all discarded").await;
    visitor.follow("Discarded").await;
    visitor.arrives_at("Discarded").await;
    draw(visitor, "discarded").await;
    visitor.press("Restore all 3…").await;
    visitor.arrives_at("Restore").await;
    look(visitor).await;
}

async fn events(visitor: &Visitor) {
    visitor.open("/events").await;
    visitor.click(By::Css(".filter summary")).await;
    look(visitor).await;
    visitor.open("/events?object=9003").await;
    visitor.click(By::Css("tbody th a")).await;
    visitor.arrives_at("Event").await;
    draw(visitor, "event").await;
    visitor.open("/replay?since=1h").await;
    visitor.arrives_at("Replay").await;
    draw(visitor, "replay").await;
    visitor.open("/events?type=nothing.like.it").await;
    look(visitor).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_whole_with_nothing_on_it() {
    let registry = failing(&Mended::default(), |id| format!("order {id} has no amount"));
    let site = Site::on(Engine::Embedded, registry).await;
    let visitor = Visitor::of(&site, Scripts::Run).await;
    for path in [
        "/",
        "/letters",
        "/discarded",
        "/jobs",
        "/events",
        "/audit",
        "/limits",
        "/tenants",
        "/secrets",
        "/health",
        "/actions/retry?code=NOTHING",
        "/replay?since=1h",
        "/nowhere",
    ] {
        visitor.open(path).await;
        look(&visitor).await;
    }
    visitor.leave().await;
    site.finish().await;
}

/// Words without a space, as long as they come.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_sent_makes_a_page_wider() {
    let registry = failing(&Mended::default(), |_| "long".repeat(2000));
    let site = Site::standalone(Room::new(), &[], registry).await;
    let visitor = Visitor::of(&site, Scripts::Run).await;
    let long = "x".repeat(255);
    let event =
        deal(u64::MAX).replace("deal.creation", &long).replace("62515", &u64::MAX.to_string());
    site.send(&[event]).await;
    visitor.open_until("/", "1 dead letter").await;
    let link = "return document.querySelector('tbody th a').getAttribute('href')";
    for path in ["/", "/?by=origin", "/letters", "/letters/1", "/actions/retry?id=1"] {
        visitor.open(path).await;
        look(&visitor).await;
    }
    visitor.open(&format!("/letters?state=any&code={long}&type={long}")).await;
    look(&visitor).await;
    visitor.open_until("/events", "permanent").await;
    look(&visitor).await;
    let event = visitor.ask(link).await.as_str().unwrap().to_owned();
    visitor.open(&event).await;
    look(&visitor).await;
    visitor.leave().await;
    site.finish().await;
}
