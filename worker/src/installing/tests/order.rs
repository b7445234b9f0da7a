//! In which order it is looked at what came back: the state first of all, and what is spent last.

use super::*;

impl Bench {
    /// Comes back by a proxy that says from whom.
    async fn come_back_from(&self, client: &str, query: &[(&str, &str)], cookie: &str) -> u16 {
        let mut url: Url =
            format!("http://{}/oauth/callback", self.installing.address()).parse().unwrap();
        url.query_pairs_mut().extend_pairs(query);
        let asking = self.client.get(url).header(COOKIE, cookie);
        asking.header("x-forwarded-for", client).send().await.unwrap().status().as_u16()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_is_looked_at_before_anything_else() {
    let bench = Bench::new(DatabaseEngine::Sqlite).await;
    let (one, other) = (bench.begin().await, bench.begin().await);
    let foreign = ("state", &*other.state);
    for query in [
        vec![("error", "access_denied"), foreign],
        vec![("error", "server_error"), foreign],
        vec![("error", "access_denied"), ("code", "x"), foreign],
        vec![foreign],
        vec![("step", "finalize"), ("returnUrl", RETURN), foreign],
    ] {
        let (status, page) = bench.come_back(&query, &one.cookie).await;
        assert!(status == 403 && page.contains("not begun here"), "{query:?} {page}");
    }
    // However many come, they take no room from whoever began here.
    for _ in 0..100 {
        let query = [("code", "made up"), foreign];
        assert_eq!(bench.come_back_from("203.0.113.9", &query, &one.cookie).await, 403);
    }
    assert!(bench.stand_ins.calls().is_empty());
    let code = bench.stand_ins.consent(PORTAL, &SCOPES);
    let query = [("code", &*code), ("state", &*one.state)];
    assert_eq!(bench.come_back_from("203.0.113.9", &query, &one.cookie).await, 200);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_client_tries_takes_no_room_from_another_and_spends_no_state() {
    let bench = Bench::new(DatabaseEngine::Sqlite).await;
    for _ in 0..60 {
        let begun = bench.begin().await;
        let made_up = [("code", "made up"), ("state", &*begun.state)];
        assert_eq!(bench.come_back_from("203.0.113.9", &made_up, &begun.cookie).await, 400);
    }
    let begun = bench.begin().await;
    let code = bench.stand_ins.consent(PORTAL, &SCOPES);
    let query = [("code", &*code), ("state", &*begun.state)];
    assert_eq!(bench.come_back_from("203.0.113.9", &query, &begun.cookie).await, 429);
    assert_eq!(bench.come_back_from("203.0.113.10", &query, &begun.cookie).await, 200);
    assert_eq!(bench.come_back_from("203.0.113.10", &query, &begun.cookie).await, 403, "used");
    bench.end().await;
}
