//! Whatever leaves with its content is in the audit, whichever way it leaves.

use shared::testing::{DatabaseEngine, on_every_database};
use worker::parts::records::dead_letters::Filter;

use super::rig::{OPERATOR, Rig, VIEWER};
use crate::dead_letters::program::run;
use crate::dead_letters::rig::letter;

async fn exports_and_payloads_are_in_the_audit(engine: DatabaseEngine) {
    let rig = Rig::guarded(engine).await;
    rig.letters.index(&[letter(1, "A", "x"), letter(2, "A", "x"), letter(3, "B", "x")]).await;
    let letters = rig.letters.records.list(&Filter::default(), None, 9).await.unwrap().letters;
    let (id, identity) = (letters[0].id, letters[0].identity.clone());
    let ann = rig.browser.sign_in(VIEWER, "ann").await;
    let program = rig.browser.with("authorization", &format!("Bearer {OPERATOR}"));
    ann.get("/letters/export?code=A").await.shows(&["payload"]);
    program.get("/letters/export?format=csv&code=B").await.shows(&["payload"]);
    ann.get(&format!("/letters/{id}/payload")).await.shows(&["portalId"]);
    program.get(&format!("/events/{identity}/payload")).await.shows(&["portalId"]);
    run(&rig.letters, &["export", "--code", "A"]).await.json_lines(2);
    run(&rig.letters, &["show", &id.to_string(), "--payload", "--by", "bob"]).await.is_done();
    // What is only looked at is not noted, nor what there is none of.
    ann.get(&format!("/letters/{id}")).await.shows(&["portalId"]);
    run(&rig.letters, &["show", &id.to_string()]).await.is_done();
    assert_eq!(ann.get("/letters/999999/payload").await.status, 404);
    let acts = rig.letters.records.audit(99).await.unwrap();
    let acts: Vec<_> = acts
        .iter()
        .rev()
        .map(|act| (&*act.who, &*act.action, act.filter.clone(), act.count))
        .collect();
    // The audit is kept for good: an event is called by its alias, which leads to it.
    let alias = acts[3].2.strip_prefix("event=").unwrap();
    assert!(alias.len() == 32 && !alias.contains(&identity[..8]), "{alias}");
    assert_eq!(
        acts,
        [
            ("ann", "export", "code=A state=dead".to_owned(), 2),
            ("console operator", "export", "code=B state=dead".to_owned(), 1),
            ("ann", "payload", format!("id={id}"), 1),
            ("console operator", "payload", acts[3].2.clone(), 1),
            ("ann", "export", "code=A state=dead".to_owned(), 2),
            ("bob", "payload", format!("id={id}"), 1),
        ]
    );
    ann.get("/audit").await.shows(&["export", "payload", "console operator"]);
    // A name of the program's own is nobody's on a command line either.
    let refused = run(&rig.letters, &["export", "--by", "Hubline"]).await;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    rig.finish().await;
}

on_every_database! {
    exports_and_payloads_are_in_the_audit
}
