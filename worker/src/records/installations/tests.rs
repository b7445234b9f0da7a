#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use secrecy::SecretString;
use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};

use super::*;

const APP: &str = "client-1";
const CODE: &str = "BAD_REFRESH_TOKEN";

struct Bench {
    test: TestDatabase,
    records: Records,
    origin: Origin,
}

fn given(token: &[u8]) -> Given<'_> {
    Given { refresh_token: token, due_ms: 1_000, expires_ms: 2_000 }
}

impl Bench {
    async fn new(engine: DatabaseEngine) -> Self {
        let test = TestDatabase::new(engine).await;
        let records = Records::new(&SecretString::from(test.url())).unwrap();
        Self { test, records, origin: Origin::hubspot(62_515) }
    }

    async fn install(&self, token: &[u8]) -> Before {
        let facts = PortalFacts { scopes: "oauth".to_owned(), ..PortalFacts::default() };
        self.records.install(&self.origin, APP, given(token), &facts, 500).await.unwrap()
    }

    async fn take(&self, now_ms: i64, until_ms: i64) -> Option<Taken> {
        let taking = self.records.take_installation(&self.origin, APP, false, now_ms, until_ms);
        taking.await.unwrap()
    }

    async fn keep(&self, fence: i64, token: &[u8]) -> bool {
        self.records.keep_refreshed(&self.origin, fence, given(token), None).await.unwrap()
    }

    async fn revoke(&self, taken: &Taken, now_ms: i64) -> Option<i64> {
        let refused = (taken.fence, taken.token_fence);
        self.records.revoke_installation(&self.origin, refused, CODE, now_ms).await.unwrap()
    }

    /// Tokens that are there.
    async fn tokens(&self) -> i64 {
        let there = "SELECT count(*) FROM installation WHERE refresh_token IS NOT NULL";
        self.test.number(there).await
    }

    async fn known(&self) -> Installation {
        self.records.installation(&self.origin).await.unwrap().unwrap()
    }

    async fn end(self) {
        self.records.close().await;
        self.test.end().await;
    }
}

async fn one_at_a_time_refreshes_and_a_lease_that_is_over_is_nobodys(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    assert_eq!(bench.install(b"one").await, Before::Unknown);
    let first = bench.take(1_000, 5_000).await.unwrap();
    assert_eq!((first.fence, first.token_fence), (2, 1));
    assert_eq!(first.refresh_token.as_deref(), Some(&b"one"[..]));
    assert!(bench.take(4_999, 9_000).await.is_none());
    let second = bench.take(5_000, 9_000).await.unwrap();
    assert_eq!((second.fence, second.refresh_token.as_deref()), (3, Some(&b"one"[..])));
    assert!(bench.keep(second.fence, b"two").await);
    assert!(bench.take(6_000, 9_000).await.is_none(), "until it was shared");
    bench.records.release_installation(&bench.origin, second.fence, 0, None).await.unwrap();
    let third = bench.take(6_000, 9_000).await.unwrap();
    assert_eq!((third.token_fence, third.refresh_token.as_deref()), (3, Some(&b"two"[..])));
    bench.end().await;
}

async fn what_comes_late_takes_the_place_of_nothing_newer(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    bench.install(b"one").await;
    let frozen = bench.take(1_000, 2_000).await.unwrap();
    let quick = bench.take(2_000, 9_000).await.unwrap();
    assert!(bench.keep(quick.fence, b"three").await);
    assert!(!bench.keep(frozen.fence, b"two").await);
    let taken = bench.take(9_000, 9_999).await.unwrap();
    assert_eq!(taken.refresh_token.as_deref(), Some(&b"three"[..]));
    bench.end().await;
}

/// HubSpot has given one a new token and has refused the old one to another: the new one is not lost.
async fn what_comes_late_and_is_the_newest_is_kept(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    bench.install(b"one").await;
    let frozen = bench.take(1_000, 2_000).await.unwrap();
    let refused = bench.take(2_000, 9_000).await.unwrap();
    assert_eq!(bench.revoke(&frozen, 1).await, None, "whoever was overtaken revokes nothing");
    assert_eq!(bench.revoke(&refused, 7_000).await, Some(7_000));
    let known = bench.known().await;
    assert_eq!((known.state, known.uninstalled_ms), (InstallationState::Uninstalled, Some(7_000)));
    assert_eq!(known.error_code.as_deref(), Some(CODE));
    assert!(bench.take(9_000, 9_999).await.is_none());
    assert!(bench.keep(frozen.fence, b"two").await);
    let known = bench.known().await;
    assert_eq!((known.state, known.uninstalled_ms), (InstallationState::Installed, None));
    bench.end().await;
}

/// The other way round: the late one writes while the other one is being refused what it has replaced.
async fn a_refusal_of_a_token_that_was_replaced_meanwhile_ends_nothing(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    bench.install(b"one").await;
    let late = bench.take(1_000, 2_000).await.unwrap();
    let refused = bench.take(2_000, 9_000).await.unwrap();
    assert!(bench.keep(late.fence, b"two").await);
    assert_eq!(bench.revoke(&refused, 7_000).await, None);
    let known = bench.known().await;
    assert_eq!((known.state, known.uninstalled_ms), (InstallationState::Installed, None));
    let next = bench.take(9_000, 9_999).await.unwrap();
    assert_eq!(next.refresh_token.as_deref(), Some(&b"two"[..]));
    // What is refused now is the newest there is.
    assert_eq!(bench.revoke(&next, 9_500).await, Some(9_500));
    let ended = "SELECT count(*) FROM audit WHERE (who, action, filter) = \
        ('hubline', 'uninstall', 'account=hubspot/62515')";
    assert_eq!(bench.test.number(ended).await, 1);
    bench.end().await;
}

async fn a_token_that_was_refused_is_kept_for_a_while_and_can_be_tried_again(
    engine: DatabaseEngine,
) {
    let bench = Bench::new(engine).await;
    let again = async || bench.records.try_token_again(&bench.origin, "ann").await.unwrap();
    bench.install(b"one").await;
    assert!(!again().await, "it is installed");
    let taken = bench.take(1_000, 2_000).await.unwrap();
    assert_eq!(bench.revoke(&taken, 7_000).await, Some(7_000));
    assert_eq!(
        (bench.tokens().await, bench.records.refused_since(APP, 7_000).await.unwrap()),
        (1, 1)
    );
    assert_eq!(bench.records.refused_since(APP, 7_001).await.unwrap(), 0);
    let gone = bench.records.uninstalled_since(7_000, 10).await.unwrap();
    assert_eq!(gone, std::slice::from_ref(&bench.origin));

    // Refused once more: that is no later end.
    assert!(again().await);
    let taken = bench.take(8_000, 9_000).await.unwrap();
    assert_eq!(taken.refresh_token.as_deref(), Some(&b"one"[..]));
    assert_eq!(bench.revoke(&taken, 8_500).await, Some(7_000));
    assert!(again().await);
    let taken = bench.take(9_000, 9_999).await.unwrap();
    assert!(bench.keep(taken.fence, b"two").await);
    let known = bench.known().await;
    assert_eq!((known.state, known.uninstalled_ms), (InstallationState::Installed, None));

    // And erased once that is over, even if it is being tried.
    let taken = bench.take(10_000, 10_999).await.unwrap();
    bench.revoke(&taken, 11_000).await.unwrap();
    assert!(again().await);
    assert_eq!(bench.records.erase_tokens(10_999).await.unwrap(), 0);
    assert_eq!(bench.records.erase_tokens(11_000).await.unwrap(), 1);
    assert_eq!((bench.tokens().await, again().await), (0, false));
    assert_eq!(bench.known().await.state, InstallationState::Uninstalled);
    let resumed = "SELECT count(*) FROM audit WHERE who = 'ann' AND action = 'resume'";
    assert_eq!(bench.test.number(resumed).await, 3);
    bench.end().await;
}

async fn an_uninstall_that_was_told_stays_until_it_is_installed_again(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    bench.install(b"one").await;
    let under_way = bench.take(1_000, 9_000).await.unwrap();
    let told = async |now_ms| bench.records.uninstall(&bench.origin, "TOLD", "ann", now_ms).await;
    assert!(told(3_000).await.unwrap());
    assert!(!told(4_000).await.unwrap());
    assert_eq!(bench.tokens().await, 0);
    assert!(!bench.keep(under_way.fence, b"two").await);
    assert_eq!(bench.known().await.uninstalled_ms, Some(3_000));
    assert_eq!(bench.records.count_installations(APP).await.unwrap(), (0, 1));
    assert_eq!(bench.install(b"three").await, Before::Uninstalled);
    assert_eq!(bench.install(b"four").await, Before::Installed);
    let known = bench.known().await;
    assert_eq!((known.state, known.error_code), (InstallationState::Installed, None));
    assert_eq!(bench.records.count_installations(APP).await.unwrap(), (1, 0));
    // Told of one whose refresh was refused, its token goes as well.
    let taken = bench.take(5_000, 5_000).await.unwrap();
    bench.revoke(&taken, 6_000).await.unwrap();
    assert_eq!(bench.tokens().await, 1);
    assert!(told(7_000).await.unwrap());
    assert_eq!((bench.tokens().await, bench.known().await.uninstalled_ms), (0, Some(6_000)));
    bench.end().await;
}

async fn what_is_due_is_found_and_another_apps_is_left_alone(engine: DatabaseEngine) {
    let bench = Bench::new(engine).await;
    bench.install(b"one").await;
    let due =
        async |app: &str, now_ms| bench.records.due_installations(app, now_ms, 10).await.unwrap();
    assert!(due(APP, 999).await.is_empty());
    assert_eq!(due(APP, 1_000).await, std::slice::from_ref(&bench.origin));
    assert!(due("client-2", 1_000).await.is_empty());
    let of_another =
        bench.records.take_installation(&bench.origin, "client-2", false, 1_000, 2_000);
    assert!(of_another.await.unwrap().is_none());
    let early = bench.records.take_installation(&bench.origin, APP, true, 999, 2_000);
    assert!(early.await.unwrap().is_none());
    let taken = bench.records.take_installation(&bench.origin, APP, true, 1_000, 2_000).await;
    let fence = taken.unwrap().unwrap().fence;
    assert!(due(APP, 1_999).await.is_empty());
    bench.records.release_installation(&bench.origin, fence - 1, 0, None).await.unwrap();
    assert!(due(APP, 1_999).await.is_empty(), "another's lease is not ended");
    bench.records.release_installation(&bench.origin, fence, 1_500, Some("429")).await.unwrap();
    assert_eq!(due(APP, 1_500).await, std::slice::from_ref(&bench.origin));
    assert_eq!(bench.known().await.error_code.as_deref(), Some("429"));
    bench.end().await;
}

on_every_database! {
    one_at_a_time_refreshes_and_a_lease_that_is_over_is_nobodys
    what_comes_late_takes_the_place_of_nothing_newer
    what_comes_late_and_is_the_newest_is_kept
    a_refusal_of_a_token_that_was_replaced_meanwhile_ends_nothing
    a_token_that_was_refused_is_kept_for_a_while_and_can_be_tried_again
    an_uninstall_that_was_told_stays_until_it_is_installed_again
    what_is_due_is_found_and_another_apps_is_left_alone
}
