//! Whatever was sent is text, in a real browser too: nothing of it runs, and if something did
//! slip through, the content security policy would stop it.

use serde_json::json;
use thirtyfour::error::WebDriverErrorInner;

use super::chromium::Scripts;
use super::site::{Mended, Site, failing};
use super::visitor::Visitor;
use crate::console::rig::encode;
use crate::harness::Engine;

/// It ends whatever it may stand in, and then tries everything; and turns the line around.
const HOSTILE: &str = "</code></td></pre></textarea></title><script>owned()</script>\
    <img src=x onerror=owned()><svg onload=owned()></svg><iframe srcdoc='<script>owned()</script>'>\
    </iframe>\"' onfocus='owned()' autofocus tabindex=1 x=\"\u{202e}";

/// Whoever gets a word in would be noticed.
const WATCH: &str = "window.broken = []; \
    window.owned = () => { document.title = 'owned'; alert(document.domain); }; \
    document.addEventListener('securitypolicyviolation', \
        (event) => window.broken.push(event.effectiveDirective));";

fn event(id: u64) -> String {
    json!({
        "eventId": id, "subscriptionId": 7, "portalId": 62515, "appId": 54321,
        "occurredAt": 1_790_000_000_000_u64, "subscriptionType": "deal.propertyChange",
        "attemptNumber": 0, "objectId": id, "propertyName": HOSTILE, "propertyValue": HOSTILE,
        "changeSource": HOSTILE, HOSTILE: [HOSTILE, "</script>"],
    })
    .to_string()
}

/// The page is what it was made to be, and nothing else.
async fn assert_inert(visitor: &Visitor, title: &str) {
    let path = visitor.path().await;
    let dialog = visitor.chromium.session.get_alert_text().await.map_err(|error| error.to_string());
    assert!(dialog.is_err(), "a dialog on {path}: {dialog:?}");
    let found = visitor
        .ask(
            "const all = [...document.querySelectorAll('*')]; \
             return { title: document.title, broken: window.broken, \
               scripts: [...document.scripts].map((it) => it.getAttribute('src')?.slice(0, 16)), \
               strange: all.filter((it) => it.matches('img, iframe, object, embed, base') || \
                   it.getAttributeNames().some((name) => name.startsWith('on'))) \
                 .map((it) => it.outerHTML) }",
        )
        .await;
    let expected = json!({
        "title": format!("{title} · Hubline"), "broken": [],
        "scripts": ["/static/console."], "strange": [],
    });
    assert_eq!(found, expected, "{path}");
}

/// It can be read, with what turns the line around written out.
async fn assert_shown(visitor: &Visitor) {
    let text = visitor.text().await;
    let path = visitor.path().await;
    assert!(text.contains("<script>owned()</script>"), "{path}: {text}");
    assert!(text.contains("\\u{202e}") && !text.contains('\u{202e}'), "{path}: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_is_shown_and_does_nothing() {
    let registry = failing(&Mended::default(), |_| HOSTILE.to_owned());
    let site = Site::on(Engine::Embedded, registry).await;
    let visitor = Visitor::of(&site, Scripts::Run).await;
    visitor.prepare(WATCH).await;
    visitor.hurry().await;
    visitor.open("/").await;
    visitor.reads("No dead letters").await;
    site.send(&[event(1)]).await;
    // Also when a page takes it in by itself.
    visitor.reads("1 dead letter in 1 problem").await;
    assert_shown(&visitor).await;
    assert_inert(&visitor, "Problems").await;

    visitor.open("/").await;
    visitor.follow("Note…").await;
    visitor.write("note", HOSTILE).await;
    visitor.press("Write").await;
    visitor.reads("The note is written.").await;
    assert_shown(&visitor).await;
    assert_inert(&visitor, "Letters").await;
    visitor.follow("Change the note").await;
    visitor.arrives_at("Note").await;
    assert_inert(&visitor, "Note").await;

    visitor.open_until("/events", "permanent").await;
    assert_shown(&visitor).await;
    let link = "return document.querySelector('tbody th a').getAttribute('href')";
    let event = visitor.ask(link).await.as_str().unwrap().to_owned();
    for (path, title, shows) in [
        ("/?by=handler", "Problems", false),
        ("/letters", "Letters", true),
        ("/letters/1", "Letter 1", true),
        (&event, "Event", true),
        ("/actions/retry?id=1", "Retry", false),
        ("/health", "Health", false),
    ] {
        visitor.open(path).await;
        visitor.arrives_at(title).await;
        if shows {
            assert_shown(&visitor).await;
        }
        assert_inert(&visitor, title).await;
    }

    // As a filter, all the way to the audit.
    let address = |path: &str| format!("{path}?{}", encode(&[("code", HOSTILE)]));
    for (path, title) in
        [("/letters", "Letters"), ("/discarded", "Discarded"), ("/actions/discard", "Discard")]
    {
        visitor.open(&address(path)).await;
        visitor.arrives_at(title).await;
        assert_inert(&visitor, title).await;
    }
    visitor.open("/letters/%3Cscript%3Eowned()%3C%2Fscript%3E").await;
    assert_inert(&visitor, "Not found").await;
    visitor.leave().await;
    site.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_text_are_written_out() {
    let site = Site::on(Engine::Embedded, failing(&Mended::default(), |_| String::new())).await;
    let visitor = Visitor::of(&site, Scripts::Run).await;
    visitor.prepare(WATCH).await;
    site.send_bytes([b"\xff\xfe".as_slice(), HOSTILE.as_bytes(), b"\r\x80"].concat()).await;
    visitor.open_until("/letters", "1 dead letter").await;
    visitor.reads("UNREADABLE").await;
    visitor.open("/letters/1").await;
    visitor.reads("\\xff\\xfe</code>").await;
    visitor.reads("\\u{d}\\x80").await;
    assert_shown(&visitor).await;
    assert_inert(&visitor, "Letter 1").await;
    visitor.leave().await;
    site.finish().await;
}

/// What the tests above rely on: a script that got in would be stopped, and seen.
#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_got_in_would_not_run() {
    let site = Site::on(Engine::Embedded, failing(&Mended::default(), |_| String::new())).await;
    let visitor = Visitor::of(&site, Scripts::Run).await;
    visitor.prepare(WATCH).await;
    visitor.open("/").await;
    visitor
        .ask(
            "const script = document.createElement('script'); script.textContent = 'owned()'; \
             document.body.append(script); \
             document.body.insertAdjacentHTML('beforeend', '<img src=/x onerror=owned()>'); \
             fetch('http://127.0.0.1:1/').catch(() => {}); \
             document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">'); \
             const form = document.createElement('form'); form.action = 'http://127.0.0.1:1/'; \
             document.body.append(form); form.submit();",
        )
        .await;
    for directive in
        ["script-src-elem", "script-src-attr", "connect-src", "style-src-attr", "form-action"]
    {
        let script = format!("return window.broken.includes('{directive}')");
        visitor.until(directive, &script).await;
    }
    let dialog = visitor.chromium.session.get_alert_text().await.unwrap_err();
    assert!(matches!(*dialog, WebDriverErrorInner::NoSuchAlert(_)), "{dialog}");
    assert_eq!(visitor.chromium.session.title().await.unwrap(), "Problems · Hubline");
    visitor.leave().await;
    site.finish().await;
}
