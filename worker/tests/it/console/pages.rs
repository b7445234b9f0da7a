//! Each page shows what there is, all of it and no more.

use bytes::Bytes;
use serde_json::Value;
use shared::message::Message;
use shared::origin::Origin;
use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::dead_letters::{Filter, Grouping};

use super::rig::Rig;
use crate::dead_letters::rig::{again, letter, with_body};

async fn a_console_without_letters_says_that_nothing_was_given_up(engine: DatabaseEngine) {
    let rig = Rig::new(engine).await;
    for (path, words) in [
        ("/", "No dead letters"),
        ("/?by=code", "No dead letters"),
        ("/?by=origin&all=1", "No dead letters"),
        ("/letters", "Nothing was given up"),
        ("/letters?code=X", "No letter matches"),
        ("/letters?state=any", "None is in this state"),
        ("/discarded", "Nothing was discarded"),
        ("/events", "No events yet"),
        ("/events?object=7", "Nothing in the event log answers that"),
        ("/audit", "Nobody did anything yet"),
        ("/limits", "Name the workers"),
        ("/secrets", "No secrets"),
        ("/tenants", "No tenants"),
        ("/health", "Nothing was worked on"),
    ] {
        let page = rig.browser.get(path).await;
        page.shows(&[words, "<h1>", "lang=\"en\"", "name=\"viewport\""]);
        assert_eq!(page.text.matches("<h1").count(), 1, "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    }
    for path in [
        "/nowhere",
        "/letters/7",
        "/letters/x",
        "/events/abc",
        "/problems/x/note",
        "/problems/%00/note",
    ] {
        assert_eq!(rig.browser.get(path).await.status, 404, "{path}");
    }
    assert_eq!(rig.browser.get(&format!("/events/{}", "a".repeat(64))).await.status, 404);
    assert_eq!(rig.browser.get("/letters?before=x").await.status, 400);
    // What is not understood would make a filter wider.
    for path in ["/letters", "/discarded", "/actions/discard", "/events", "/replay"] {
        let wrong = rig.browser.get(&format!("{path}?since=2h&target=on_deal_closed")).await;
        assert_eq!(wrong.status, 400, "{path}");
        assert!(wrong.text.contains("There is no filter `target`"), "{path}: {}", wrong.text);
    }
    rig.finish().await;
}

async fn what_cannot_be_read_is_refused_and_not_taken_for_everything(engine: DatabaseEngine) {
    let rig = Rig::new(engine).await;
    rig.letters.index(&[letter(1, "A", "x"), letter(2, "A", "x")]).await;
    // As a later build writes it, which knows more senders.
    rig.letters.database.run("UPDATE origin SET origin = 'nobody/1'").await;
    let page = rig.browser.get("/?by=origin").await;
    page.shows(&["nobody/1", "href=\"/letters?origin=nobody%2F1\""]);
    let retry = page.link("Retry…").unwrap();
    for (path, words) in [
        ("/letters?origin=nobody%2F1", "Origin: write hubspot/62515"),
        (retry.as_str(), "Nothing was done. Origin: write hubspot/62515"),
        ("/discarded?origin=nobody%2F1", "Origin: write hubspot/62515"),
        ("/events?origin=nobody%2F1", "Origin: write hubspot/62515"),
        ("/replay?since=2h&origin=nobody%2F1", "Nothing was done. Origin: write hubspot/62515"),
        ("/letters/export?origin=nobody%2F1", "Origin: write hubspot/62515"),
        ("/letters/export?format=xml", "Format: write jsonl or csv"),
        ("/actions/retry?scope=match&filter=code%3DA", "Scope: ticked or matching"),
        ("/?by=sender", "grouped by problem, code, handler or origin"),
        ("/?origin=hubspot%2F62515", "There is no filter `origin`"),
    ] {
        let wrong = rig.browser.get(path).await;
        assert_eq!(wrong.status, 400, "{path}: {}", wrong.text);
        assert!(wrong.text.contains(words), "{path}: {words} in {}", wrong.text);
    }
    rig.finish().await;
}

async fn problems_are_grouped_and_counted(engine: DatabaseEngine) {
    let rig = Rig::new(engine).await;
    let mut messages: Vec<Message> = (1..=1234)
        .map(|id| letter(id, "ERP_422", &format!("ERP answered 422: order {id} has no amount")))
        .collect();
    messages.push(letter(5000, "SLACK_5XX", "Slack answered 503"));
    messages[0].event.origin = Origin::hubspot(9);
    rig.letters.index(&messages).await;
    let page = rig.browser.get("/").await;
    page.shows(&[
        "1,235 dead letters in 2 problems",
        "ERP_422",
        "SLACK_5XX",
        "on_deal_created",
        "<b>1,234</b>",
        "role=\"img\"",
        "aria-current=\"page\"",
    ]);
    // The hour may turn meanwhile.
    let most = ["in this hour", "1 hour ago"];
    let most = most.map(|when| format!("1,234 in the last 24 hours, most (1,234) {when}"));
    assert!(most.iter().any(|most| page.text.contains(most)), "{}", page.text);
    for (path, words) in [
        ("/?by=code", ["1,235 dead letters in 2 codes", "SLACK_5XX"]),
        ("/?by=handler", ["1,235 dead letters in 1 handler", "on_deal_created"]),
        ("/?by=origin", ["1,235 dead letters in 2 origins", "hubspot/62515"]),
    ] {
        rig.browser.get(path).await.shows(&words);
    }
    let groups = rig.letters.records.groups(Grouping::Fingerprint, false).await.unwrap();
    let list = format!("/letters?problem={}", groups[0].key);
    assert!(page.text.contains(&list));
    rig.browser.get(&list).await.shows(&["1,234 dead letters", "has no amount"]);
    rig.letters.records.note(&groups[0].key, "", Some("ask <them>"), "ann").await.unwrap();
    rig.browser.get("/").await.shows(&["ask &#60;them&#62;"]);
    rig.finish().await;
}

async fn pages_of_a_filter_show_every_letter_once(engine: DatabaseEngine) {
    let rig = Rig::new(engine).await;
    let messages: Vec<Message> =
        (1..=260).map(|id| letter(id, ["A", "B"][usize::from(id % 2 == 0)], "x")).collect();
    rig.letters.index(&messages).await;
    let (mut path, mut ids) =
        ("/letters?code=A&handler=on_deal_created&portal=62515".to_owned(), Vec::new());
    loop {
        let page = rig.browser.get(&path).await;
        page.shows(&["code</i> A", "handler</i> on_deal_created"]);
        if ids.is_empty() {
            page.shows(&["130 dead letters"]);
        }
        ids.extend(page.letters());
        // What comes in meanwhile is on no later page.
        rig.letters.index(&[letter(1000 + ids.len() as u64, "A", "x")]).await;
        match page.link("Older") {
            Some(next) => path = next,
            None => break,
        }
    }
    assert_eq!(ids.len(), 130);
    assert!(ids.is_sorted_by(|one, next| one > next), "{ids:?}");
    for (query, count) in [
        ("object=7", "1 dead letter<"),
        ("type=deal.creation&reason=exhausted&since=1h", "263 dead letters"),
        ("until=1h", "0 dead letters"),
        ("handler=(none)", "0 dead letters"),
        ("state=discarded", "0 letters, discarded"),
        ("state=any&code=B", "130 letters in any state"),
    ] {
        rig.browser.get(&format!("/letters?{query}")).await.shows(&[count]);
    }
    let wrong = rig.browser.get("/letters?portal=abc&since=yesterday&state=gone").await;
    assert_eq!(wrong.status, 400);
    for words in [
        "Origin: write hubspot/62515",
        "Died since: write 2h",
        "State: write dead",
        "value=\"abc\"",
    ] {
        assert!(wrong.text.contains(words), "{words} in {}", wrong.text);
    }
    rig.finish().await;
}

async fn a_letter_has_a_page_with_all_there_is_to_know(engine: DatabaseEngine) {
    let rig = Rig::new(engine).await;
    let first = Message {
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
        ..letter(7, "ERP_5XX", "ERP answered 503")
    };
    rig.letters.index(std::slice::from_ref(&first)).await;
    let filter = Filter { object_id: Some(7), ..Filter::default() };
    rig.letters.claim(-3, &filter, 10).await;
    let id = rig.letters.records.claimed(-3).await.unwrap()[0].letter.id;
    rig.letters.mark_retried(-3, &[id]).await;
    rig.letters.index(&[again(&first)]).await;
    let letters = rig.letters.records.list(&filter, None, 10).await.unwrap().letters;
    let newest = letters[0].id;
    let page = rig.browser.get(&format!("/letters/{newest}")).await;
    page.shows(&[
        "ERP answered 503",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        first.event.identity.as_ref(),
        "worker dead-letters show",
        "&#34;portalId&#34;: 62515",
        "Letters before it",
        &format!("href=\"/letters/{id}\""),
        "died again",
        "The event log has nothing of it",
    ]);
    let page = rig.browser.get(&format!("/letters/{id}")).await;
    page.shows(&[
        "Letters after it",
        &format!("href=\"/letters/{newest}\""),
        "<a href=\"/jobs/-3\">job -3</a>",
    ]);
    let bytes = rig.browser.get(&format!("/letters/{id}/payload")).await;
    assert_eq!(bytes.text.as_bytes(), *first.event.body());
    assert_eq!(bytes.header("content-type"), "application/octet-stream");
    assert!(bytes.header("content-disposition").starts_with("attachment"));
    let event = rig.browser.get(&format!("/events/{}", first.event.identity)).await;
    event.shows(&["ERP_5XX", &format!("/letters/{newest}"), "given up as exhausted"]);
    rig.finish().await;
}

async fn a_large_payload_is_shown_in_part_and_says_so(engine: DatabaseEngine) {
    let rig = Rig::new(engine).await;
    let body = Bytes::from(vec![b'['; 3 * 1024 * 1024]);
    rig.letters.index(&[with_body(letter(1, "A", "x"), body.clone())]).await;
    let id = rig.letters.records.list(&Filter::default(), None, 1).await.unwrap().letters[0].id;
    let page = rig.browser.get(&format!("/letters/{id}")).await;
    page.shows(&["The first 64.0 KiB of 3.0 MiB are shown"]);
    assert!(page.text.len() < 200_000);
    assert_eq!(rig.browser.get(&format!("/letters/{id}/payload")).await.text.len(), body.len());
    rig.finish().await;
}

async fn an_export_has_every_letter_that_matches(engine: DatabaseEngine) {
    let rig = Rig::new(engine).await;
    let mut messages: Vec<Message> = (1..=700).map(|id| letter(id, "A", "x")).collect();
    messages.push(letter(5000, "B", "=cmd()"));
    rig.letters.index(&messages).await;
    let page = rig.browser.get("/letters?code=A").await;
    let exported = rig.browser.get(&page.link("JSON lines").unwrap()).await;
    let lines: Vec<Value> =
        exported.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 700);
    assert!(lines.iter().all(|line| line["code"] == "A" && line["payload"].is_string()));
    assert!(exported.header("content-disposition").contains("letters.jsonl"));
    let csv = rig.browser.get("/letters/export?format=csv&state=any").await;
    assert_eq!(csv.text.lines().count(), 702);
    assert!(csv.text.starts_with("id,died_ms,") && csv.text.contains(",'=cmd(),"));
    assert_eq!(rig.browser.get("/letters/export?state=gone").await.status, 400);
    rig.finish().await;
}

on_every_database! {
    a_console_without_letters_says_that_nothing_was_given_up
    what_cannot_be_read_is_refused_and_not_taken_for_everything
    problems_are_grouped_and_counted
    pages_of_a_filter_show_every_letter_once
    a_letter_has_a_page_with_all_there_is_to_know
    a_large_payload_is_shown_in_part_and_says_so
    an_export_has_every_letter_that_matches
}
