//! What differs between two versions of the file.

use super::sample::{SAMPLE, tenants};
use crate::tenants::difference::{Change, Fate};
use crate::tenants::{Difference, SectionKind, Tenants};

fn between(old: &str, new: &str) -> String {
    Difference::between(&tenants(old), &tenants(new)).to_string()
}

#[test]
fn two_files_that_say_the_same_do_not_differ() {
    let spaced = SAMPLE.replace('\n', "\r\n\r\n");
    let difference = Difference::between(&tenants(SAMPLE), &tenants(&spaced));
    assert!(difference.is_empty());
    assert_eq!(difference.to_string(), "");
}

#[test]
fn what_comes_and_what_goes_is_told_by_name() {
    let [comes, goes] = [("", SAMPLE), (SAMPLE, "")].map(|(old, new)| between(old, new));
    assert_eq!(
        comes,
        "+ tenant acme\n+ tenant beta\n+ destination acme-crm\n+ destination log\n\
         + route acme-deals → acme-crm\n+ route all → log"
    );
    assert_eq!(
        goes,
        "- tenant acme\n- tenant beta\n- destination acme-crm\n- destination log\n\
         - route acme-deals\n- route all"
    );
}

#[test]
fn what_changes_is_told_by_its_keys_and_shows_no_secret() {
    let new = SAMPLE
        .replace("key=hunter2", "key=hunter3")
        .replace("ACME_SECRET", "OTHER_SECRET")
        .replace("\"50/s\"", "\"51/s\"")
        .replace("hubspot/7", "hubspot/8")
        .replace("deal.creation", "deal.deletion");
    let told = between(SAMPLE, &new);
    assert_eq!(
        told,
        "~ tenant beta: origin\n~ destination acme-crm: url, secret, rate\n~ route acme-deals: filter"
    );
}

#[test]
fn every_key_that_changes_is_told() {
    let changed = r#"
        [tenants.acme]
        origin = "hubspot/1"
        state = "paused"
        [destinations.acme-crm]
        url = "https://other.example"
        sign = "hubspot"
        secret = { env = "OTHER" }
        [destinations.log]
        url = "http://log.example"
        sign = "none"
        [routes.acme-deals]
        destination = "log"
    "#;
    let difference = Difference::between(&tenants(SAMPLE), &tenants(changed));
    let keys = |kind, name: &str, keys: &[&'static str]| Change {
        kind,
        name: name.to_owned(),
        fate: Fate::Changes(keys.to_vec()),
    };
    let goes = |kind, name: &str| Change { kind, name: name.to_owned(), fate: Fate::Goes };
    let tenant = ["origin", "name", "state", "rate", "concurrency"];
    let destination = [
        "tenant",
        "url",
        "method",
        "sign",
        "secret",
        "previous_secret",
        "headers",
        "connect_timeout",
        "first_byte_timeout",
        "timeout",
        "rate",
        "concurrency",
        "batch",
        "transient_statuses",
        "permanent_statuses",
        "state",
    ];
    let route = ["tenant", "destination", "filter", "order", "state"];
    let expected = [
        keys(SectionKind::Tenant, "acme", &tenant),
        goes(SectionKind::Tenant, "beta"),
        keys(SectionKind::Destination, "acme-crm", &destination),
        keys(SectionKind::Route, "acme-deals", &route),
        goes(SectionKind::Route, "all"),
    ];
    assert_eq!(difference.0, expected);
}

#[test]
fn what_changes_of_an_order_is_told_by_its_keys() {
    let new = SAMPLE.replace("\"1m\"\nafter", "\"2m\"\nafter").replace("take-along", "go-on");
    assert_eq!(between(SAMPLE, &new), "~ route acme-deals: order_hold, after_failure");
}

#[test]
fn a_difference_is_none_of_nothing() {
    assert!(Difference::between(&Tenants::default(), &Tenants::default()).is_empty());
}
