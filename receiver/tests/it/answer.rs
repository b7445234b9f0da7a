//! An answer as a client sees it, and the one way tests wait for a state that nobody announces.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

/// HubSpot takes an answer later than this for none.
pub(crate) const HUBSPOT_LIMIT: Duration = Duration::from_secs(5);

/// One answer, read whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// From sending the request to the answer's last byte.
    pub(crate) took: Duration,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// 200 for so many events, and nothing else in the body.
    #[track_caller]
    pub(crate) fn assert_received(&self, events: usize) {
        assert_eq!((self.status, self.json()), (200, json!({ "received": events })), "{self:?}");
    }

    /// A refusal that says its stable code and no more.
    #[track_caller]
    pub(crate) fn assert_refused(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.json()), (status, json!({ "error": code })), "{self:?}");
        let retry_after = self.header("retry-after").map(|seconds| seconds.parse::<u32>().unwrap());
        assert_eq!(retry_after.is_some_and(|seconds| seconds > 0), status == 503, "{self:?}");
        assert!(self.took < HUBSPOT_LIMIT, "{self:?}");
    }
}

/// Asks again and again until `ask` has an answer, at most 60 s.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            // Over HTTP there is nothing to wait on; this is the poll of a test, not a delay.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asking)
        .await
        .unwrap_or_else(|_| panic!("not within 60 s: {what}"))
}
