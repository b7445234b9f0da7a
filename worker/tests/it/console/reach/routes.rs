//! Every address there is, and what it gives to those who see one account alone. A page that is not in the
//! table fails the test until somebody has decided.

use std::collections::BTreeSet;

use reqwest::Method;
use shared::testing::{DatabaseEngine, on_every_database};

use super::tenants::{OWN_OPERATOR, OWN_VIEWER, Two, ask};
use crate::console::rig::OPERATOR;

/// The sources of the list of pages: whoever adds one adds it there.
const PAGES: &str = include_str!("../../../../src/console/pages.rs");

/// A page; where it is asked, with what is of the own account for what stands in braces; and the statuses of
/// GET and POST, the latter with an empty form.
type Row = (&'static str, &'static str, u16, u16);

const OF_ONES_OWN: [Row; 18] = [
    ("/", "/", 200, 405),
    ("/letters", "/letters", 200, 405),
    ("/letters/export", "/letters/export", 200, 405),
    ("/letters/{id}", "/letters/{letter}", 200, 405),
    ("/letters/{id}/payload", "/letters/{letter}/payload", 200, 405),
    ("/actions/{action}", "/actions/discard", 200, 400),
    ("/jobs", "/jobs", 200, 405),
    ("/jobs/{id}", "/jobs/{job}", 200, 405),
    ("/jobs/{id}/{deed}", "/jobs/{job}/pause", 405, 303),
    ("/replay", "/replay?since=1h", 200, 400),
    ("/discarded", "/discarded", 200, 405),
    ("/events", "/events", 200, 405),
    ("/events/{name}", "/events/{event}", 200, 405),
    ("/events/{name}/payload", "/events/{event}/payload", 200, 405),
    ("/tenants", "/tenants", 200, 405),
    ("/tenants/{kind}/{name}", "/tenants/route/acme-deals", 200, 200),
    ("/secrets", "/secrets", 200, 405),
    // There is none here.
    ("/secrets/{destination}", "/secrets/acme-crm", 404, 400),
];
/// What is of no account, or of several.
const NOT_THERE: [Row; 5] = [
    ("/problems/{fingerprint}/note", "/problems/{problem}/note", 404, 404),
    ("/audit", "/audit", 404, 404),
    ("/tenants/{kind}/{name}/{deed}", "/tenants/tenant/acme/pause", 404, 404),
    ("/limits", "/limits", 404, 404),
    ("/health", "/health", 404, 404),
];
/// What is nobody's.
const OPEN: [Row; 3] = [
    ("/login", "/login", 200, 403),
    ("/logout", "/logout", 405, 303),
    ("/static/{file}", "/static/nothing", 404, 405),
];

fn rows() -> impl Iterator<Item = Row> {
    OF_ONES_OWN.into_iter().chain(NOT_THERE).chain(OPEN)
}

#[test]
fn somebody_has_decided_of_every_page() {
    let resources = PAGES.split("web::resource(\"").skip(1);
    let there: BTreeSet<&str> = resources.map(|rest| rest.split('"').next().unwrap()).collect();
    let decided: BTreeSet<&str> = rows().map(|row| row.0).collect();
    assert_eq!(there, decided);
    // No page is added in another way.
    let services = PAGES.matches(".service(").count();
    assert_eq!(services, there.len());
    assert!(!PAGES.contains(".route(\"") && !PAGES.contains("web::scope("));
}

async fn each_page_gives_ones_own_or_is_not_there(engine: DatabaseEngine) {
    let two = Two::new(engine).await;
    let fill = |path: &str| {
        let letter = two.own.last().unwrap();
        path.replace("{letter}", &letter.id.to_string())
            .replace("{job}", &two.own_job.to_string())
            .replace("{event}", &letter.identity)
            .replace("{problem}", &two.problem)
    };
    let (operator, viewer, all) =
        (two.with(OWN_OPERATOR), two.with(OWN_VIEWER), two.with(OPERATOR));
    for (_, path, got, posted) in rows() {
        let path = fill(path);
        for (method, status) in [(Method::GET, got), (Method::POST, posted)] {
            let answer = ask(&operator, method.clone(), &path).await;
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
            two.assert_own(&path, &answer);
        }
        let read = viewer.get(&path).await;
        // Plans are for those who may act.
        let is_plan = path.starts_with("/actions/") || path.starts_with("/replay");
        assert_eq!(read.status, if is_plan { 403 } else { got }, "{path}");
        two.assert_own(&path, &read);
        let is_door = path.starts_with("/log") || path.starts_with("/static/");
        let written = viewer.post(&path, &[]).await.status;
        assert_eq!(written, if is_door { posted } else { 403 }, "{path}");
    }
    for (_, path, ..) in NOT_THERE {
        // As what never was.
        let (path, nowhere) = (fill(path), operator.get("/nowhere").await);
        let gone = operator.get(&path).await;
        assert_eq!((gone.status, &gone.text), (404, &nowhere.text), "{path}");
        assert_eq!(operator.get(&format!("{path}?before=1")).await.status, 404);
        // However it is written.
        let spelt =
            path.replacen("/h", "/%68", 1).replacen("/a", "/%61", 1).replacen("/l", "/%6c", 1);
        assert_eq!(operator.get(&spelt).await.status, 404, "{spelt}");
        // A deed is done, not shown.
        let is_deed = path.starts_with("/tenants/");
        assert_eq!(all.get(&path).await.status, if is_deed { 405 } else { 200 }, "{path}");
    }
    let page = operator.get("/").await;
    page.shows(&["/discarded", "/events", "/tenants", "/secrets"])
        .hides(&["/audit", "/limits", "/health", "Note…"]);
    all.get("/").await.shows(&["/audit", "/limits", "/health", "Note…"]);
    two.finish().await;
}

on_every_database! {
    each_page_gives_ones_own_or_is_not_there
}
