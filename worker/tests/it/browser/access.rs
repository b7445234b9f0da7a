//! Tokens and roles, as a browser meets them.

use serde_json::json;
use thirtyfour::By;

use super::chromium::Scripts;
use super::room::Room;
use super::site::{Mended, Site, failing};
use super::visitor::Visitor;
use crate::console::rig::{OPERATOR, VIEWER};
use crate::harness::deal;

async fn a_site() -> Site {
    let flags = ["--console-token", OPERATOR, "--console-viewer-token", VIEWER];
    let registry = failing(&Mended::default(), |id| format!("order {id} has no amount"));
    let site = Site::standalone(Room::new(), &flags, registry).await;
    site.send(&[deal(1)]).await;
    site
}

pub(super) async fn sign_in(visitor: &Visitor, token: &str, name: &str) {
    visitor.arrives_at("Sign in").await;
    visitor.write("token", token).await;
    visitor.write("name", name).await;
    visitor.press("Sign in").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_in_comes_to_where_they_wanted_to_go() {
    let site = a_site().await;
    let visitor = Visitor::of(&site, Scripts::Run).await;
    visitor.open("/letters?code=TEST_4XX").await;
    visitor.arrives_at("Sign in").await;
    // Ready to be written into, and nothing else to be seen.
    let focused = visitor.ask("return document.activeElement.name").await;
    assert_eq!((focused, visitor.count("nav").await), (json!("token"), 0));
    sign_in(&visitor, "operator-token-012345678x", "ann").await;
    visitor.reads("That is not a token of this console.").await;
    sign_in(&visitor, OPERATOR, "ann").await;
    visitor.arrives_at("Letters").await;
    assert_eq!(visitor.path().await, "/letters?code=TEST_4XX");
    visitor.reads("ann operator").await;
    // No script can read what lets them in.
    assert_eq!(visitor.ask("return document.cookie").await, "");
    visitor.open_until("/letters", "1 dead letter").await;
    visitor.press("Discard all 1…").await;
    visitor.arrives_at("Discard").await;
    visitor.click(By::Css("input[name=every]")).await;
    visitor.press("Discard 1 letter").await;
    visitor.reads("all discarded").await;
    visitor.follow("Audit").await;
    visitor.arrives_at("Audit").await;
    visitor.reads("ann").await;
    visitor.leave().await;
    site.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_look_and_are_offered_nothing_to_do() {
    let site = a_site().await;
    let visitor = Visitor::of(&site, Scripts::Run).await;
    visitor.open("/").await;
    sign_in(&visitor, VIEWER, "").await;
    visitor.arrives_at("Problems").await;
    visitor.open_until("/", "1 dead letter in 1 problem").await;
    let deeds = "main a[href*='/actions/'], main a[href$='/note'], main input[type=checkbox], \
                 main form[method=post], main button[formaction]";
    for path in [
        "/",
        "/letters",
        "/letters/1",
        "/discarded",
        "/jobs",
        "/events",
        "/secrets",
        "/limits",
        "/health",
    ] {
        visitor.open(path).await;
        assert_eq!(visitor.count(deeds).await, 0, "{path}");
        assert_eq!(visitor.count("header .role").await, 1, "{path}");
    }
    visitor.open("/actions/discard?id=1").await;
    visitor.arrives_at("Not allowed").await;
    visitor.leave().await;
    site.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_out_is_out() {
    let site = a_site().await;
    let visitor = Visitor::of(&site, Scripts::Run).await;
    visitor.open("/letters").await;
    sign_in(&visitor, OPERATOR, "").await;
    visitor.arrives_at("Letters").await;
    visitor.press("Sign out").await;
    visitor.arrives_at("Sign in").await;
    // The browser has kept nothing to go back to.
    visitor.chromium.session.back().await.unwrap();
    visitor.arrives_at("Sign in").await;
    visitor.open("/").await;
    visitor.arrives_at("Sign in").await;
    visitor.leave().await;
    site.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_can_lead_here_and_can_do_nothing_here() {
    let site = a_site().await;
    let visitor = Visitor::of(&site, Scripts::Run).await;
    visitor.open("/").await;
    sign_in(&visitor, OPERATOR, "").await;
    visitor.arrives_at("Problems").await;
    visitor.open_until("/letters", "1 dead letter").await;
    // A link in a chat works although the session does not come along at first.
    let link = format!("<a href='{}/letters?code=TEST_4XX'>look</a>", site.console);
    visitor.chromium.session.goto(format!("data:text/html,{link}")).await.unwrap();
    visitor.follow("look").await;
    visitor.arrives_at("Letters").await;
    visitor.reads("1 dead letter").await;
    let form = format!(
        "<form method=post action='{}/actions/discard'><input name=filter value='id=1'>\
         <input name=cutoff_ms value=1790000000000><button>win</button></form>",
        site.console
    );
    visitor.chromium.session.goto(format!("data:text/html,{form}")).await.unwrap();
    visitor.press("win").await;
    visitor.arrives_at("Not allowed").await;
    visitor.open("/letters").await;
    visitor.reads("1 dead letter").await;
    visitor.leave().await;
    site.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_says_when_its_session_is_over() {
    let site = a_site().await;
    let visitor = Visitor::of(&site, Scripts::Run).await;
    visitor.hurry().await;
    visitor.open("/").await;
    sign_in(&visitor, OPERATOR, "").await;
    visitor.arrives_at("Problems").await;
    visitor.open_until("/", "1 dead letter in 1 problem").await;
    visitor.chromium.session.delete_all_cookies().await.unwrap();
    visitor.reads("Signed out: load the page again.").await;
    visitor.leave().await;
    site.finish().await;
}
