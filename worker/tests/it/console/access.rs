//! Who is let in, from where, and to do what.

use reqwest::Method;
use reqwest::header::SET_COOKIE;
use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::dead_letters::State;

use super::rig::{Answer, OPERATOR, Rig, VIEWER};
use crate::dead_letters::rig::letter;

const PAGES: [&str; 11] = [
    "/",
    "/letters",
    "/letters/1",
    "/letters/export",
    "/discarded",
    "/events",
    "/audit",
    "/limits",
    "/tenants",
    "/health",
    "/secrets",
];
const POSTS: [&str; 6] = [
    "/actions/discard",
    "/actions/restore",
    "/problems/x/note",
    "/tenants/route/x",
    "/tenants/route/x/pause",
    "/secrets/x",
];

fn assert_headers(answer: &Answer) {
    for (name, value) in [
        (
            "content-security-policy",
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
             img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), value, "{name} of {answer:?}");
    }
}

async fn without_a_token_only_this_machine_is_answered(engine: DatabaseEngine) {
    let rig = Rig::new(engine).await;
    rig.letters.index(&[letter(1, "A", "x")]).await;
    let port = rig.browser.address.port();
    for host in ["localhost", &format!("localhost:{port}"), "127.0.0.1", "[::1]:1"] {
        rig.browser.with("host", host).get("/").await.shows(&["1 dead letter"]);
    }
    for host in
        ["evil.example", "127.0.0.1.evil.example", "10.0.0.7", &format!("evil.example:{port}")]
    {
        for path in [&PAGES[..], &["/login", "/nowhere"]].concat() {
            let answer = rig.browser.with("host", host).get(path).await;
            assert_eq!(answer.status, 421, "{host} {path}");
            assert!(!answer.text.contains("dead letter"), "{}", answer.text);
            assert_headers(&answer);
        }
        let fields = [("filter", "code=A"), ("cutoff_ms", "1")];
        let answer = rig.browser.with("host", host).post("/actions/discard", &fields).await;
        assert_eq!(answer.status, 421);
    }
    let proxied = rig.browser.with("x-forwarded-for", "10.0.0.7").get("/").await;
    assert!(proxied.status == 421 && proxied.text.contains("CONSOLE_TOKEN"));
    assert_eq!(rig.browser.get("/login").await.status, 303);
    rig.finish().await;
}

async fn what_another_site_posts_is_refused(engine: DatabaseEngine) {
    for token in [None, Some(OPERATOR)] {
        let rig = match token {
            None => Rig::new(engine).await,
            Some(_) => Rig::guarded(engine).await,
        };
        rig.letters.index(&[letter(1, "A", "x")]).await;
        let browser = match token {
            None => rig.browser.clone(),
            Some(token) => rig.browser.sign_in(token, "").await,
        };
        let own = format!("http://{}", rig.browser.address);
        let now = shared::clock::now_ms().to_string();
        let fields = [("filter", "code=A"), ("cutoff_ms", now.as_str()), ("count", "1")];
        for headers in [
            &[][..],
            &[("sec-fetch-site", "cross-site"), ("origin", own.as_str())],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[("origin", "http://evil.example")],
            &[("origin", "null")],
        ] {
            let browser =
                headers.iter().fold(browser.clone(), |it, (name, value)| it.with(name, value));
            for path in [&POSTS[..], &["/login", "/logout", "/nowhere"]].concat() {
                let answer = browser.post_bare(path, &fields).await;
                assert_eq!(answer.status, 403, "{path} {headers:?}");
                assert!(!answer.headers.contains_key(SET_COOKIE));
                assert_headers(&answer);
            }
        }
        assert_eq!(rig.letters.in_state(State::Dead).await, 1);
        let done = browser.with("origin", &own).post_bare("/actions/discard", &fields).await;
        assert_eq!((done.status, rig.done(&done).await), (303, 1));
        assert_eq!(rig.letters.in_state(State::Dead).await, 0);
        rig.finish().await;
    }
}

/// A proxy may ask under a name of its own: then it is the public address that pages are of.
async fn pages_of_the_public_address_are_the_consoles_own(engine: DatabaseEngine) {
    let flags = ["--console-token", OPERATOR, "--console-url", "https://hubline.example"];
    let rig = Rig::with(engine, &flags).await;
    let fields = [("token", OPERATOR), ("name", "ann")];
    let of = |origin: &str| rig.browser.with("origin", origin);
    let answer = of("https://hubline.example").post_bare("/login", &fields).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    assert!(answer.header("set-cookie").starts_with("__Host-"), "{answer:?}");
    for elsewhere in ["http://hubline.example", "https://hubline.example:8443", "https://x.example"]
    {
        assert_eq!(of(elsewhere).post_bare("/login", &fields).await.status, 403, "{elsewhere}");
    }
    rig.finish().await;
}

async fn with_a_token_nobody_else_sees_anything(engine: DatabaseEngine) {
    let rig = Rig::guarded(engine).await;
    rig.letters.index(&[letter(1, "SECRET_CODE", "x")]).await;
    let forged =
        "hubline_console=operator.9999999999999.QW5u.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let strangers = [
        rig.browser.clone(),
        rig.browser.with("cookie", forged),
        rig.browser.with("cookie", "hubline_console=; hubline_console=x.y.z"),
    ];
    for stranger in &strangers {
        for path in [&PAGES[..], &["/nowhere", "/actions/discard"]].concat() {
            let answer = stranger.get(path).await;
            assert_eq!(answer.status, 303, "{path}");
            assert!(answer.header("location").starts_with("/login?next=%2F"), "{answer:?}");
            assert!(answer.text.is_empty());
            assert_headers(&answer);
        }
        for path in POSTS {
            assert_eq!(stranger.post(path, &[("note", "x")]).await.status, 401, "{path}");
        }
    }
    for token in ["wrong-token-0123456789", "", VIEWER.trim_end_matches('9')] {
        let answer = rig.browser.post("/login", &[("token", token), ("name", "ann")]).await;
        assert_eq!(answer.status, 403);
        assert!(answer.text.contains("not a token") && !answer.headers.contains_key(SET_COOKIE));
        let header = format!("Bearer {token}");
        let answer = rig.browser.with("authorization", &header).get("/letters").await;
        assert!(answer.status == 401 && !answer.text.contains("SECRET_CODE"));
    }
    // A link in a chat: the browser sends its cookie only when it is asked from here.
    let linked =
        rig.browser.with("sec-fetch-site", "cross-site").with("sec-fetch-mode", "navigate");
    let page = linked.get("/letters?code=A%22").await;
    let login = "content=\"0; url=/login?next=%2Fletters%3Fcode%3DA%2522\"";
    page.shows(&[login]).hides(&["SECRET_CODE", "/audit"]);
    let other = linked.get("//evil.example/x").await;
    other.shows(&["content=\"0; url=/login?next=%2F\""]).hides(&["evil"]);
    assert_eq!(linked.with("cookie", forged).get("/").await.status, 200);
    // Over plain HTTP a browser does not say where it comes from, only that it wants a page.
    let plain = rig.browser.with("upgrade-insecure-requests", "1");
    plain.get("/letters?code=A%22").await.shows(&[login]);
    let ann = rig.browser.sign_in(OPERATOR, "").await;
    let led = ann.get("/login?next=%2Fletters%3Fcode%3DA").await;
    assert_eq!((led.status, led.header("location")), (303, "/letters?code=A"));
    // What a proxy asks for is its own business.
    let basic = rig.browser.with("authorization", "Basic dXNlcjpwYXNz");
    assert_eq!(basic.get("/").await.status, 303);
    basic.sign_in(OPERATOR, "").await.get("/letters").await.shows(&["SECRET_CODE"]);
    // Any name will do for one who has a token.
    rig.browser.with("host", "console.example").get("/login").await.shows(&["Token"]);
    rig.finish().await;
}

async fn a_viewer_reads_everything_and_changes_nothing(engine: DatabaseEngine) {
    let rig = Rig::guarded(engine).await;
    rig.letters.index(&[letter(1, "A", "x")]).await;
    let id = rig.browser.with("authorization", &format!("Bearer {VIEWER}")).get("/letters").await;
    let id = id.letters()[0];
    let letter = format!("/letters/{id}");
    let viewers = [
        rig.browser.sign_in(VIEWER, "Vic").await,
        rig.browser.with("authorization", &format!("bearer {VIEWER}")),
    ];
    for viewer in &viewers {
        for path in [
            &PAGES[..2],
            &["/letters/export", "/discarded", "/events", "/audit", "/health", &letter],
        ]
        .concat()
        {
            let page = viewer.get(path).await;
            page.shows(&[]).hides(&[
                "Discard…",
                "/actions/",
                "type=\"checkbox\"",
                "Write a note",
                "Note…",
            ]);
            assert_headers(&page);
        }
        for path in [&POSTS[..], &["/nowhere", "/letters"]].concat() {
            let fields = [("filter", "code=A"), ("cutoff_ms", "1"), ("note", "x")];
            let answer = viewer.post(path, &fields).await;
            assert!(answer.status == 403 && answer.text.contains("viewer"), "{path} {answer:?}");
        }
        for path in ["/actions/discard?code=A", "/problems/x/note"] {
            assert_eq!(viewer.get(path).await.status, 403, "{path}");
        }
    }
    assert_eq!(rig.letters.in_state(State::Dead).await, 1);
    // Operators see what they can do.
    let operator = rig.browser.with("authorization", &format!("Bearer {OPERATOR}"));
    operator.get("/").await.shows(&["Discard…", "Note…"]);
    operator.get("/letters").await.shows(&[
        "type=\"checkbox\"",
        "Discard ticked…",
        "Discard all 1…",
    ]);
    let made = operator.act(&format!("/actions/discard?id={id}")).await;
    assert_eq!(rig.done(&made).await, 1);
    assert_eq!(rig.letters.in_state(State::Discarded).await, 1);
    rig.finish().await;
}

async fn requests_are_small_and_of_a_known_kind(engine: DatabaseEngine) {
    let rig = Rig::new(engine).await;
    let large = "x".repeat(70_000);
    assert_eq!(rig.browser.post("/actions/discard", &[("filter", &large)]).await.status, 413);
    let json = rig.browser.with("sec-fetch-site", "same-origin");
    let request = json.request(Method::POST, "/actions/discard").json(&serde_json::json!({}));
    assert_eq!(json.send(request).await.status, 400);
    for (method, path) in [
        (Method::POST, "/letters"),
        (Method::DELETE, "/letters/1"),
        (Method::PUT, "/"),
        (Method::GET, "/logout"),
    ] {
        let answer = json.send(json.request(method.clone(), path)).await;
        assert_eq!(answer.status, 405, "{method} {path}");
        assert_headers(&answer);
    }
    let page = rig.browser.get("/").await;
    for start in ["href=\"/static/", "src=\"/static/"] {
        let (_, rest) = page.text.split_once(start).unwrap();
        let file = rig.browser.get(&format!("/static/{}", rest.split('"').next().unwrap())).await;
        assert!(file.status == 200 && file.text.len() > 500);
        assert!(file.header("cache-control").contains("immutable"), "{file:?}");
        assert_eq!(file.header("x-content-type-options"), "nosniff");
    }
    assert_eq!(rig.browser.get("/static/console.css").await.status, 404);
    rig.finish().await;
}

on_every_database! {
    without_a_token_only_this_machine_is_answered
    what_another_site_posts_is_refused
    pages_of_the_public_address_are_the_consoles_own
    with_a_token_nobody_else_sees_anything
    a_viewer_reads_everything_and_changes_nothing
    requests_are_small_and_of_a_known_kind
}
