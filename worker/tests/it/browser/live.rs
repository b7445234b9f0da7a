//! Pages keep themselves up to date, but not under somebody's hands.

use super::chromium::Scripts;
use super::site::{Mended, Site, failing};
use super::visitor::Visitor;
use crate::harness::{Engine, deal};

async fn a_site() -> Site {
    let registry = failing(&Mended::default(), |id| format!("order {id} has no amount"));
    Site::on(Engine::Embedded, registry).await
}

/// Waits until the page has looked for something new twice more, begun and ended.
async fn another_round(visitor: &Visitor) {
    let rounds = visitor.ask("return window.rounds").await.as_u64().unwrap();
    let script = format!("return window.rounds >= {}", rounds + 2);
    visitor.until("another look for something new", &script).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_dies_meanwhile_appears_by_itself() {
    let site = a_site().await;
    let visitor = Visitor::of(&site, Scripts::Run).await;
    // At its own pace, once.
    visitor.open("/").await;
    visitor.reads("No dead letters").await;
    visitor.ask("window.opened = true").await;
    site.send(&[deal(1)]).await;
    visitor.reads("1 dead letter in 1 problem").await;
    visitor.reads("order 1 has no amount").await;
    assert_eq!(visitor.ask("return window.opened").await, true, "it was loaded again");
    visitor.leave().await;
    site.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_row_is_ticked_nothing_moves() {
    let site = a_site().await;
    let visitor = Visitor::of(&site, Scripts::Run).await;
    visitor.hurry().await;
    site.send(&[deal(1)]).await;
    visitor.open_until("/letters", "1 dead letter").await;
    visitor.tick(1).await;
    // Not even when the box has lost the focus.
    visitor.ask("document.activeElement.blur()").await;
    site.send(&[deal(2)]).await;
    let other = Visitor::of(&site, Scripts::Run).await;
    other.open_until("/letters", "2 dead letters").await;
    another_round(&visitor).await;
    visitor.reads("1 dead letter").await;
    assert_eq!(visitor.count("input:checked").await, 1);
    visitor.tick(1).await;
    visitor.ask("document.activeElement.blur()").await;
    visitor.reads("2 dead letters").await;
    other.leave().await;
    visitor.leave().await;
    site.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_focus_stays_where_it_was() {
    let site = a_site().await;
    let visitor = Visitor::of(&site, Scripts::Run).await;
    visitor.hurry().await;
    site.send(&[deal(1)]).await;
    visitor.open_until("/letters", "1 dead letter").await;
    // The list was asked for before the count: its row may come with the next round.
    visitor.until("a row", "return document.querySelector('tbody th a') !== null").await;
    visitor.ask("document.querySelector('tbody th a').focus()").await;
    site.send(&[deal(2)]).await;
    visitor.reads("2 dead letters").await;
    another_round(&visitor).await;
    let focused = visitor.ask("return document.activeElement.getAttribute('href')").await;
    assert_eq!(focused, "/letters/1");
    visitor.leave().await;
    site.finish().await;
}
