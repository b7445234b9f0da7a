//! Whatever letters hold, pages show it and do nothing with it.

use bytes::Bytes;
use shared::message::Message;
use shared::origin::Origin;
use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::dead_letters::{Filter, Grouping};

use super::rig::{Answer, Rig, encode};
use crate::dead_letters::rig::{letter, with_body, with_event};

const HOSTILE: &str = "</code></td><script>alert(1)</script>\"'><img src=x onerror=alert(2)>\
    &lt;\u{202e}\u{1b}[2J\u{0}\u{9b}\u{feff}\u{2066}";

/// Neither markup nor anything that turns text around or hides in it.
fn assert_harmless(path: &str, page: &Answer) {
    assert_eq!(page.status, 200, "{path}: {}", page.text);
    for markup in ["<script>", "<img", "onerror=alert(2)>", "alert(1)</"] {
        assert!(!page.text.contains(markup), "{path}: {markup} in {}", page.text);
    }
    let steers = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let found = page.text.chars().find(|c| steers(*c));
    assert_eq!(found, None, "{path}");
}

async fn nothing_that_was_sent_is_markup_or_steers(engine: DatabaseEngine) {
    let rig = Rig::new(engine).await;
    let body = Bytes::from([b"\xff\xfe".as_slice(), HOSTILE.as_bytes(), b"\r\n"].concat());
    let json = serde_json::to_vec(&serde_json::json!({ HOSTILE: [HOSTILE, "</pre>"] })).unwrap();
    let strange = Message {
        target: Some(HOSTILE.to_owned()),
        traceparent: Some(HOSTILE.into()),
        ..with_event(with_body(letter(1, HOSTILE, HOSTILE), body), |event| {
            event.topic = HOSTILE.into();
        })
    };
    let messages = [
        strange,
        with_body(letter(2, "A", HOSTILE), json.into()),
        with_body(letter(3, "", ""), Bytes::new()),
        Message {
            received_ms: i64::MAX,
            generation: u32::MAX,
            attempt: u32::MAX,
            ..with_event(letter(4, "A", "far"), |event| event.origin = Origin::hubspot(u64::MAX))
        },
        Message { received_ms: i64::MIN, ..letter(5, "A", "long ago") },
    ];
    rig.letters.index(&messages).await;
    let groups = rig.letters.records.groups(Grouping::Fingerprint, false).await.unwrap();
    let problem = groups.iter().find(|group| group.code.as_deref() != Some("A")).unwrap();
    rig.letters.records.note(&problem.key, "", Some(HOSTILE), HOSTILE).await.unwrap();
    let letters = rig.letters.records.list(&Filter::default(), None, 9).await.unwrap().letters;

    let code = encode(&[("code", HOSTILE)]);
    let mut paths: Vec<String> = [
        "/",
        "/?by=code",
        "/?by=handler",
        "/?by=origin",
        "/letters",
        "/audit",
        "/limits",
        "/tenants",
        "/secrets",
        "/discarded",
        "/health",
    ]
    .map(str::to_owned)
    .into();
    paths.extend([format!("/letters?{code}"), format!("/actions/discard?{code}")]);
    paths.push(format!("/actions/retry?{code}"));
    paths.push(format!("/letters?problem={}", problem.key));
    paths.push(format!("/problems/{}/note", problem.key));
    paths.push(format!("/events?{}", encode(&[("type", HOSTILE), ("handler", HOSTILE)])));
    for letter in &letters {
        paths.push(format!("/letters/{}", letter.id));
        paths.push(format!("/events/{}", letter.identity));
    }
    for path in &paths {
        assert_harmless(path, &rig.browser.get(path).await);
    }
    let shown = rig.browser.get(&format!("/letters?{code}")).await;
    shown.shows(&["1 dead letter", "&#60;script&#62;", "\\u{202e}"]);
    // What is at fault is told without being repeated as markup.
    let wrong = rig.browser.get(&format!("/letters?{}", encode(&[("origin", HOSTILE)]))).await;
    assert!(wrong.status == 400 && !wrong.text.contains("<script>"), "{}", wrong.text);
    let nowhere = rig.browser.get("/letters/%3Cscript%3Ealert(1)%3C%2Fscript%3E").await;
    assert!(nowhere.status == 404 && !nowhere.text.contains("<script>"), "{}", nowhere.text);

    // The filter of a strange code means those letters and no others, all the way.
    let done = rig.browser.act(&format!("/actions/discard?{code}")).await;
    assert_eq!(done.status, 303);
    assert_harmless("done", &rig.browser.get(done.header("location")).await);
    assert_eq!(rig.done(&done).await, 1);
    rig.letters.assert_counters().await;
    rig.finish().await;
}

on_every_database! {
    nothing_that_was_sent_is_markup_or_steers
}
