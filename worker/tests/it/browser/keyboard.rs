//! The console by keyboard alone.

use serde_json::Value;
use thirtyfour::Key;

use super::chromium::Scripts;
use super::site::{Mended, Site, failing};
use super::visitor::Visitor;
use crate::harness::{Engine, deal};

/// What has the focus, and whether one can see that it has.
#[derive(Debug)]
struct Focus {
    /// The text of a link or button, the label of a field.
    name: String,
    is_visible: bool,
}

const FOCUS: &str = "const it = document.activeElement; \
    const style = getComputedStyle(it); const box = it.getBoundingClientRect(); \
    const x = Math.min(Math.max(box.x + box.width / 2, 0), innerWidth - 1); \
    const y = Math.min(Math.max(box.y + box.height / 2, 0), innerHeight - 1); \
    const top = document.elementFromPoint(x, y); \
    const isSeen = top === it || it.contains(top) || (it.labels && [...it.labels].some((label) => label.contains(top))); \
    return [it.getAttribute('aria-label') || it.innerText.trim() || it.tagName, \
      isSeen && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0]";

async fn focus(visitor: &Visitor) -> Focus {
    let Value::Array(found) = visitor.ask(FOCUS).await else { panic!("no focus") };
    Focus { name: found[0].as_str().unwrap().to_owned(), is_visible: found[1] == true }
}

/// Presses a key on whatever has the focus.
async fn press(visitor: &Visitor, key: Key) {
    let keys = visitor.chromium.session.action_chain().send_keys(key);
    keys.perform().await.unwrap();
}

/// The next thing that Tab reaches, which must be seen to have the focus.
async fn next(visitor: &Visitor) -> String {
    press(visitor, Key::Tab).await;
    let focus = focus(visitor).await;
    assert!(focus.is_visible, "{focus:?} on {}", visitor.path().await);
    focus.name
}

/// Tabs on until something of this name has the focus; tells what was on the way.
async fn until(visitor: &Visitor, name: &str) -> Vec<String> {
    let mut passed = Vec::new();
    loop {
        let name_of_next = next(visitor).await;
        if name_of_next == name {
            return passed;
        }
        passed.push(name_of_next);
        assert!(passed.len() < 100, "`{name}` is not reached, but {passed:?}");
    }
}

async fn with_letters() -> (Site, Visitor) {
    let registry = failing(&Mended::default(), |id| format!("order {id} has no amount"));
    let site = Site::on(Engine::Embedded, registry).await;
    let visitor = Visitor::of(&site, Scripts::Run).await;
    let deals: Vec<String> = (1..=30).map(deal).collect();
    site.send(&deals).await;
    visitor.open_until("/", "30 dead letters in 1 problem").await;
    (site, visitor)
}

#[tokio::test(flavor = "multi_thread")]
async fn tab_reaches_first_what_skips_then_the_pages_then_all_that_can_be_done() {
    let (site, visitor) = with_letters().await;
    let pages = ["Problems", "Letters", "Discarded", "Jobs", "Events", "Audit"];
    let pages = pages.into_iter().chain(["Tenants", "Secrets", "Limits", "Health"]);
    let first = ["Skip to content", "Hubline"].into_iter().chain(pages);
    for name in first {
        assert_eq!(next(&visitor).await, name);
    }
    let passed = until(&visitor, "Note…").await;
    for name in ["TEST_4XX", "Retry…", "Discard…"] {
        assert!(passed.iter().any(|passed| passed == name), "{name} in {passed:?}");
    }
    // Past the pages at once.
    visitor.open("/").await;
    assert_eq!(next(&visitor).await, "Skip to content");
    press(&visitor, Key::Enter).await;
    visitor.until("focus in the content", "return document.activeElement.id === 'main'").await;
    assert_eq!(next(&visitor).await, "Problem");
    visitor.leave().await;
    site.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_ticked_and_discarded_without_a_mouse() {
    let (site, visitor) = with_letters().await;
    visitor.open("/letters").await;
    // So little room that what sticks to an edge could cover what has the focus.
    visitor.resize(1000, 500).await;
    until(&visitor, "Letter 29").await;
    press(&visitor, Key::Space).await;
    assert_eq!(visitor.count("input:checked").await, 1);
    let passed = until(&visitor, "Discard ticked…").await;
    for letter in 1..=28 {
        let [tick, link] = [format!("Letter {letter}"), letter.to_string()];
        assert!(passed.contains(&tick) && passed.contains(&link), "{letter} in {passed:?}");
    }
    press(&visitor, Key::Enter).await;
    visitor.arrives_at("Discard").await;
    until(&visitor, "Discard 1 letter").await;
    press(&visitor, Key::Enter).await;
    visitor.reads("all discarded").await;
    visitor.open("/letters").await;
    visitor.reads("29 dead letters").await;
    visitor.leave().await;
    site.finish().await;
}
