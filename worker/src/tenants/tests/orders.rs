//! The order of a record's events, as a route says it.

use std::time::Duration;

use super::sample::{faults, tenants};
use crate::order::Terms;

fn text(keys: &str) -> String {
    format!(
        "[destinations.d]\nurl = 'http://d'\nsign = 'none'\n[routes.r]\ndestination = 'd'\n{keys}"
    )
}

#[test]
fn a_route_keeps_no_order_unless_it_says_so() {
    let of = |keys: &str| tenants(&text(keys)).routes["r"].order;
    let terms =
        |seconds, takes_along| Some(Terms { hold: Duration::from_secs(seconds), takes_along });
    assert_eq!(of(""), None);
    assert_eq!(of("order = 'none'"), None);
    assert_eq!(of("order = 'object'"), terms(300, false));
    assert_eq!(of("order = 'object'\norder_hold = '90s'"), terms(90, false));
    assert_eq!(of("order = 'object'\nafter_failure = 'take-along'"), terms(300, true));
    assert_eq!(of("order = 'object'\nafter_failure = 'go-on'"), terms(300, false));
}

#[test]
fn what_is_no_order_is_told_with_what_there_is() {
    let hold = "must be a time from 1s to 24h, such as \"30s\" or \"5m\"";
    for (keys, expected) in [
        ("order = 'objekt'", "6:9: routes.r.order: must be \"none\" or \"object\": did you mean \"object\"?".to_owned()),
        ("order = 'object'\norder_hold = '900ms'", format!("7:14: routes.r.order_hold: {hold}")),
        ("order = 'object'\norder_hold = '25h'", format!("7:14: routes.r.order_hold: {hold}")),
        (
            "order = 'none'\norder_hold = '5m'",
            "7:14: routes.r.order_hold: is for a route with order = \"object\": add that, or remove this".to_owned(),
        ),
        (
            "after_failure = 'go-on'",
            "6:17: routes.r.after_failure: is for a route with order = \"object\": add that, or remove this"
                .to_owned(),
        ),
        (
            "order = 'object'\nafter_failure = 'go on'",
            "7:17: routes.r.after_failure: must be \"go-on\" or \"take-along\": did you mean \"go-on\"?".to_owned(),
        ),
    ] {
        assert_eq!(faults(&text(keys)), [expected]);
    }
}
