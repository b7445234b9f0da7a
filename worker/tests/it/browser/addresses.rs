//! The console under each kind of address that it can have: on this machine, under a name over plain
//! HTTP, and under a name behind something that ends TLS. Only a browser knows what it sends where.

use serde_json::json;
use thirtyfour::By;

use super::access::sign_in;
use super::chromium::{ELSEWHERE, Scripts};
use super::room::Room;
use super::site::{Mended, Site, failing};
use super::tls::TlsProxy;
use super::visitor::Visitor;
use crate::console::rig::OPERATOR;
use crate::harness::deal;

async fn a_site(flags: &[&str]) -> Site {
    let flags = [&["--console-token", OPERATOR], flags].concat();
    let registry = failing(&Mended::default(), |id| format!("order {id} has no amount"));
    let site = Site::standalone(Room::new(), &flags, registry).await;
    site.send(&[deal(1)]).await;
    site
}

/// Signs in, follows a link from elsewhere, does something and signs out. Gives the names of the
/// cookies and whether each is kept for TLS.
async fn visit(console: &str) -> Vec<(String, bool)> {
    let visitor = Visitor::at(console, Scripts::Run).await;
    visitor.open("/letters?code=TEST_4XX").await;
    sign_in(&visitor, "operator-token-012345678x", "ann").await;
    visitor.reads("That is not a token of this console.").await;
    sign_in(&visitor, OPERATOR, "ann").await;
    visitor.arrives_at("Letters").await;
    let session = &visitor.chromium.session;
    let cookies = session.get_all_cookies().await.unwrap();
    let cookies = cookies.into_iter().map(|cookie| (cookie.name, cookie.secure == Some(true)));
    let cookies: Vec<_> = cookies.filter(|(name, _)| name.ends_with("hubline_console")).collect();
    assert_eq!(visitor.ask("return document.cookie").await, "");
    visitor.open_until("/letters", "1 dead letter").await;
    // A link in a chat: the session does not come along at first.
    let link = format!("<a href='{console}/letters?code=TEST_4XX'>look</a>");
    session.goto(format!("data:text/html,{link}")).await.unwrap();
    visitor.follow("look").await;
    visitor.arrives_at("Letters").await;
    assert_eq!(visitor.path().await, "/letters?code=TEST_4XX");
    // A form of somebody else's.
    let form = format!(
        "<form method=post action='{console}/actions/discard'><input name=filter value='id=1'>\
         <input name=cutoff_ms value=1790000000000><button>win</button></form>"
    );
    session.goto(format!("data:text/html,{form}")).await.unwrap();
    visitor.press("win").await;
    visitor.arrives_at("Not allowed").await;
    visitor.open("/letters").await;
    visitor.press("Discard all 1…").await;
    visitor.click(By::Css("input[name=every]")).await;
    visitor.press("Discard 1 letter").await;
    visitor.arrives_at("Job 1").await;
    visitor.open_until("/letters", "No dead letters").await;
    visitor.press("Sign out").await;
    visitor.arrives_at("Sign in").await;
    let left = visitor.chromium.session.get_all_cookies().await.unwrap();
    assert_eq!(json!(left.iter().filter(|it| it.name.ends_with("console")).count()), json!(0));
    visitor.open("/letters").await;
    visitor.arrives_at("Sign in").await;
    visitor.leave().await;
    cookies
}

#[tokio::test(flavor = "multi_thread")]
async fn on_this_machine() {
    let site = a_site(&[]).await;
    assert_eq!(visit(&site.console).await, [("hubline_console".to_owned(), false)]);
    site.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_name_over_plain_http() {
    let site = a_site(&[]).await;
    let console = site.console.replace("127.0.0.1", ELSEWHERE);
    assert_eq!(visit(&console).await, [("hubline_console".to_owned(), false)]);
    site.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_name_behind_what_ends_tls() {
    for says_url in [false, true] {
        let mut proxy = TlsProxy::bind(ELSEWHERE).await;
        let url = proxy.url();
        let flags = ["--console-url", &url];
        let site = a_site(if says_url { &flags } else { &[] }).await;
        proxy.pass_on_to(site.console.strip_prefix("http://").unwrap());
        assert_eq!(visit(&url).await, [("__Host-hubline_console".to_owned(), true)], "{says_url}");
        site.finish().await;
    }
}
