//! How often each verdict fell, as workers' own metrics say.

use worker::parts::Worker;

use super::admin::pause;
use super::{Admin, within};

const DELIVERIES: &str = "hubline_deliveries_total";

/// The verdicts after which no message carries the event on.
const ENDS: [&str; 5] = [
    "verdict=\"succeeded\"",
    "verdict=\"skipped\"",
    "verdict=\"gone\"",
    "verdict=\"duplicate\"",
    "verdict=\"stale\"",
];

/// Waits until `verdict` fell at least `count` times, whatever the handler.
pub(crate) async fn wait_for_verdicts(worker: &Worker, verdict: &str, count: u64) {
    let label = format!("verdict=\"{verdict}\"");
    Admin::of(worker).wait_for(DELIVERIES, &[&label], count).await;
}

/// Waits until `count` messages came to their end at these workers together. Any other verdict
/// puts a new message in the old one's place, so this is how many there were at first.
pub(crate) async fn wait_for_ends(workers: &[&Worker], count: u64) {
    let admins: Vec<Admin> = workers.iter().map(|worker| Admin::of(worker)).collect();
    let waiting = async {
        loop {
            let mut ends = 0;
            for admin in &admins {
                ends += admin.sum(DELIVERIES, &ENDS).await;
            }
            if ends >= count {
                return ends;
            }
            pause().await;
        }
    };
    assert_eq!(within(&format!("{count} ends"), waiting).await, count, "more ends than messages");
}
