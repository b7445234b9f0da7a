//! Another's letters and log, by the commands that take an account.

use shared::message::Message;
use shared::testing::{DatabaseEngine, on_every_database};

use crate::dead_letters::program::run;
use crate::dead_letters::rig::{Letters, letter};
use crate::harness::{deal_of, fresh};

/// A letter of a route's, as workers make them.
fn of_route(portal: u64, id: u64, target: &str) -> Message {
    let Message { death, attempt, .. } = letter(id, "DESTINATION_422", "refused");
    let target = Some(target.to_owned());
    Message { death, attempt, target, ..fresh(&deal_of(portal, id)) }
}

async fn what_is_listed_retried_and_discarded_by_account_is_that_accounts(engine: DatabaseEngine) {
    let rig = Letters::new(engine).await;
    // The same object in both.
    let acmes: Vec<_> = (1..=3).map(|id| of_route(62515, id, "route/acme/acme-deals")).collect();
    let umbrellas = [of_route(62516, 1, "route/umbrella/umbrella-all")];
    rig.put(&acmes).await;
    rig.put(&umbrellas).await;

    let listed = run(&rig, &["list", "--portal", "62516", "--json"]).await.json_lines(1);
    let letters = listed[0]["letters"].as_array().unwrap();
    assert_eq!(letters.len(), 1, "{listed:?}");
    assert_eq!(letters[0]["handler"], "route/umbrella/umbrella-all");
    let both = run(&rig, &["groups", "--json"]).await.json_lines(1);
    assert_eq!(both[0]["groups"].as_array().unwrap().len(), 2, "no problem is of both: {both:?}");

    // ACME's handler among Umbrella's events is nothing.
    let acmes_route = ["--portal", "62516", "--handler", "route/acme/acme-deals"];
    let planned = [&["retry"], &acmes_route[..], &["--dry-run", "--json"]].concat();
    let planned = run(&rig, &planned).await.json_lines(1);
    assert_eq!(planned[0]["plan"]["count"], 0, "{planned:?}");
    let planned = run(&rig, &["retry", "--portal", "62516", "--dry-run", "--json"]).await;
    assert_eq!(planned.json_lines(1)[0]["plan"]["count"], 1);
    let done = run(&rig, &["discard", "--portal", "62516", "--yes", "--json"]).await.json_lines(1);
    assert_eq!(done[0]["published"], 1, "{done:?}");
    let left = run(&rig, &["list", "--json"]).await.json_lines(1);
    let left = left[0]["letters"].as_array().unwrap();
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(left.iter().all(|letter| letter["handler"] == "route/acme/acme-deals"), "{left:?}");
    rig.finish().await;
}

on_every_database! {
    what_is_listed_retried_and_discarded_by_account_is_that_accounts
}
