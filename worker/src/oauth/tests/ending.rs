//! How installations end: by a refusal, which may be a mistake, and by somebody's word.

use super::*;

async fn a_portal_that_has_uninstalled_the_app_is_told_by_the_refresh(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    bench.install().await;
    let workers = bench.workers(2);
    let token = got(&workers[0], &bench.origin, Why::Missing).await.unwrap();
    bench.stand_ins.revoke(PORTAL);
    let gone = got(&workers[0], &bench.origin, Why::Refused(token.fence)).await.unwrap_err();
    assert!(matches!(gone, NoToken::Uninstalled { .. }), "{gone:?}");
    assert_eq!(bench.state().await, InstallationState::Uninstalled);
    let asked = bench.asked();
    let gone = workers[1].get(&bench.origin, Why::Missing).await.unwrap_err();
    assert!(matches!(gone, NoToken::Uninstalled { .. }), "its token is shared no more: {gone:?}");
    workers[1].refresh_due().await.unwrap();
    assert_eq!(bench.asked(), asked);
    let error = gone.error(&bench.origin, KEPT, now_ms());
    assert!(error.is_deferred() && error.code == "HUBSPOT_UNINSTALLED", "{error}");
    assert_eq!(bench.install().await, Before::Uninstalled);
    got(&workers[1], &bench.origin, Why::Missing).await.unwrap();
    bench.end().await;
}

async fn a_token_that_was_refused_is_kept_until_it_is_tried_again_or_erased(
    engine: DatabaseEngine,
) {
    let bench = Bench::new(engine).await;
    bench.install().await;
    let worker = bench.workers(1).remove(0);
    let token = got(&worker, &bench.origin, Why::Missing).await.unwrap();
    bench.stand_ins.fail(
        Fault::new("hubspot", 400)
            .on("POST", "/oauth")
            .body(json!({ "error": "access_denied", "status": "BAD_HUB" })),
    );
    let gone = got(&worker, &bench.origin, Why::Refused(token.fence)).await.unwrap_err();
    assert!(matches!(gone, NoToken::Uninstalled { .. }), "{gone:?}");
    worker.look_after().await.unwrap();
    assert_eq!(bench.tokens().await, 1, "it may have been a mistake");
    // HubSpot is well again, and an operator knows.
    bench.stand_ins.heal();
    worker.refresh_due().await.unwrap();
    assert_eq!(bench.state().await, InstallationState::Uninstalled, "nobody has said so");
    assert!(bench.records.try_token_again(&bench.origin, "ann").await.unwrap());
    worker.refresh_due().await.unwrap();
    let younger = got(&worker, &bench.origin, Why::Missing).await.unwrap();
    assert!(younger.fence > token.fence);

    bench.stand_ins.revoke(PORTAL);
    let gone = got(&worker, &bench.origin, Why::Refused(younger.fence)).await.unwrap_err();
    assert!(matches!(gone, NoToken::Uninstalled { .. }), "{gone:?}");
    let kept_ms = i64::try_from(KEPT.as_millis()).unwrap();
    let long_ago = format!("UPDATE installation SET uninstalled_ms = {}", now_ms() - kept_ms);
    bench.test.run(&long_ago).await;
    worker.look_after().await.unwrap();
    assert_eq!(bench.tokens().await, 0);
    assert!(!bench.records.try_token_again(&bench.origin, "ann").await.unwrap());
    bench.end().await;
}

/// What answers in HubSpot's place says of everybody that they are gone.
async fn portals_that_are_refused_at_once_are_not_all_ended(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    for portal in 1..=9 {
        bench.install_in(portal).await;
    }
    bench.stand_ins.fail(
        Fault::new("hubspot", 400).on("POST", "/oauth").body(json!({ "error": "invalid_grant" })),
    );
    let worker = bench.workers(1).remove(0);
    worker.refresh_due().await.unwrap();
    let counted = async || bench.records.count_installations("client-1").await.unwrap();
    assert_eq!((counted().await, bench.tokens().await), ((4, 5), 9));
    let shown = bench.shown();
    for line in [
        "hubline_oauth_refusals_doubted 4",
        "hubline_oauth_refreshes_total{outcome=\"doubted\"} 4",
        "hubline_oauth_refreshes_total{outcome=\"revoked\"} 5",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    let asked = bench.asked();
    worker.refresh_due().await.unwrap();
    assert_eq!(bench.asked(), asked, "not before its time");
    // However long that lasts.
    let long_ago =
        "UPDATE installation SET leased_until_ms = 0, uninstalled_ms = uninstalled_ms - 1800000";
    bench.test.run(long_ago).await;
    worker.refresh_due().await.unwrap();
    assert_eq!((counted().await, bench.asked() - asked), ((4, 5), 4));
    // Once that is over those go on by themselves, and the others when somebody says so.
    bench.stand_ins.heal();
    bench.test.run("UPDATE installation SET leased_until_ms = 0").await;
    worker.refresh_due().await.unwrap();
    assert_eq!(counted().await, (4, 5));
    for portal in 1..=9 {
        bench.records.try_token_again(&Origin::hubspot(portal), "ann").await.unwrap();
    }
    worker.refresh_due().await.unwrap();
    assert_eq!(counted().await, (9, 0));
    let count = "SELECT count(*) FROM installation WHERE uninstalled_ms IS NULL";
    assert_eq!(bench.test.number(count).await, 9, "all tokens are taken");
    bench.end().await;
}

async fn an_uninstall_that_was_told_erases_tokens_and_outlasts_what_is_under_way(
    engine: DatabaseEngine,
) {
    let bench = Bench::new(engine).await;
    bench.install().await;
    let worker = bench.workers(1).remove(0);
    got(&worker, &bench.origin, Why::Missing).await.unwrap();
    let told = async || {
        let telling = bench.records.uninstall(&bench.origin, "APP_UNINSTALL", "ann", now_ms());
        telling.await.unwrap()
    };
    assert!(told().await);
    assert!(!told().await);
    worker.forget_uninstalled().await.unwrap();
    let gone = worker.get(&bench.origin, Why::Missing).await.unwrap_err();
    assert!(matches!(gone, NoToken::Uninstalled { .. }), "its token is shared no more: {gone:?}");
    assert_eq!(bench.tokens().await, 0);
    let unknown = worker.get(&Origin::hubspot(1), Why::Missing).await.unwrap_err();
    assert_eq!(unknown, NoToken::Unknown);
    bench.end().await;
}

on_every_database! {
    a_portal_that_has_uninstalled_the_app_is_told_by_the_refresh
    a_token_that_was_refused_is_kept_until_it_is_tried_again_or_erased
    portals_that_are_refused_at_once_are_not_all_ended
    an_uninstall_that_was_told_erases_tokens_and_outlasts_what_is_under_way
}
