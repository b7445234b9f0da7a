//! What is wrong with a destination.

use super::sample::faults;

/// Of a destination, with one more key in line 4.
fn destination(key: &str) -> Vec<String> {
    faults(&format!("[destinations.d]\nurl = 'https://d.example'\nsecret.env = 'D'\n{key}"))
}

#[test]
fn a_url_has_rules() {
    for (url, place) in [
        ("hooks.example", "is no URL"),
        ("https://", "is no URL"),
        ("ftp://d.example", "must begin with https:// or http://"),
        ("mailto:a@d.example", "must begin with https:// or http://"),
        ("https://hunter2@d.example", "must have no user and no password"),
        ("https://:hunter2@d.example", "must have no user and no password"),
        (&format!("https://d.example/{}", "a".repeat(2048)), "is longer than 2048 bytes"),
    ] {
        let faults = faults(&format!("[destinations.d]\nsign = 'none'\nurl = '{url}'"));
        assert_eq!(faults.len(), 1);
        assert!(faults[0].starts_with(&format!("3:7: destinations.d.url: {place}")), "{faults:?}");
    }
    let expected = "1:15: destinations.d.url: is missing: add url = \"https://host/path\"";
    assert_eq!(faults("[destinations.d]\nsign = 'none'"), [expected]);
}

#[test]
fn a_secret_is_a_reference_and_belongs_to_a_signature() {
    let signed = |keys: &str| faults(&format!("[destinations.d]\nurl = 'http://d'\n{keys}"));
    for (keys, expected) in [
        (
            "sign = 'hubspot'",
            "1:15: destinations.d.secret: is missing: add secret = { env = \"NAME\" } or { file = \
             \"/path/to/it\" }, or else sign = \"none\"",
        ),
        (
            "secret = 'hunter2'",
            "3:10: destinations.d.secret: no secret is written into this file: write { env = \"NAME\" } or { \
             file = \"/path/to/it\" } instead",
        ),
        (
            "secret = {}",
            "3:10: destinations.d.secret: must name one place: { env = \"NAME\" } or { file = \"/path/to/it\" }",
        ),
        (
            "secret = { env = 'A', file = '/a' }",
            "3:10: destinations.d.secret: must name one place: { env = \"NAME\" } or { file = \"/path/to/it\" }",
        ),
        (
            "secret.env = 'hunter2!'",
            "3:14: destinations.d.secret.env: must be the name of a variable, such as ACME_SECRET: letters, \
             digits and `_`",
        ),
        (
            "secret = { file = 'hunter2' }",
            "3:19: destinations.d.secret.file: must be the absolute path of a file, such as /run/secrets/acme",
        ),
        (
            "secret.env = 'A'\nsecret.key = 'hunter2'",
            "4:8: destinations.d.secret.key: there is no such key: there are env, file",
        ),
        (
            "sign = 'none'\nsecret.env = 'A'",
            "4:1: destinations.d.secret: signs nothing with sign = \"none\": remove one of them",
        ),
        (
            "sign = 'hubspot'\nsecret.env = 'A'\nprevious_secret.env = 'B'",
            "5:1: destinations.d.previous_secret: is only for sign = \"standard\": remove it",
        ),
        (
            "sign = 'non'",
            "3:8: destinations.d.sign: must be \"standard\", \"hubspot\" or \"none\": did you mean \"none\"?",
        ),
    ] {
        assert_eq!(signed(keys), [expected]);
    }
}

#[test]
fn a_header_is_none_that_the_delivery_sets() {
    for (header, expected) in [
        (
            "Host = 'x'",
            "4:9: destinations.d.headers.Host: is set by the delivery itself: remove it",
        ),
        ("TE = 'x'", "4:9: destinations.d.headers.TE: is set by the delivery itself: remove it"),
        (
            "content-Type = 'x'",
            "4:9: destinations.d.headers.content-Type: is set by the delivery itself: remove it",
        ),
        (
            "Webhook-Id = 'x'",
            "4:9: destinations.d.headers.Webhook-Id: belongs to signatures, as all of webhook-* and \
             x-hubspot-*: rename it",
        ),
        (
            "'a b' = 'x'",
            "4:9: destinations.d.headers.\"a b\": is no header's name: write letters, digits and `-`, at most \
             100",
        ),
        (
            "X-A = \"hunter2\\n\"",
            "4:15: destinations.d.headers.X-A: must be up to 4096 visible ASCII characters, with no space \
             around them",
        ),
        (
            "X-A = 7",
            "4:15: destinations.d.headers.X-A: must be a text in quotes, or { env = \"NAME\" } or { file = \
             \"/path/to/it\" }",
        ),
        (
            "X-A = '1'\nheaders.x-a = '2'",
            "5:9: destinations.d.headers.x-a: is there in other letters as well: remove one of them",
        ),
    ] {
        assert_eq!(destination(&format!("headers.{header}")), [expected]);
    }
    let long = destination(&format!("headers.X-A = '{}'", "a".repeat(4097)));
    assert!(
        long[0].starts_with("4:15: destinations.d.headers.X-A: must be up to 4096"),
        "{long:?}"
    );
    let many: Vec<_> = (0..21).map(|number| format!("X-{number} = ''")).collect();
    let many = destination(&format!("headers = {{ {} }}", many.join(", ")));
    assert_eq!(
        many,
        ["4:11: destinations.d.headers: there are 21, and may be 20: remove the others"]
    );
}

#[test]
fn timeouts_are_in_order() {
    let order = "must not be longer than";
    for (key, expected) in [
        (
            "timeout = '8s'",
            format!(
                "4:11: destinations.d.timeout: first_byte_timeout (10s, its default) {order} timeout (8s): set both"
            ),
        ),
        (
            "connect_timeout = '20s'\ntimeout = '30s'",
            format!(
                "4:19: destinations.d.connect_timeout: connect_timeout (20s) {order} first_byte_timeout (10s, its default): set both"
            ),
        ),
    ] {
        assert_eq!(destination(key), [expected]);
    }
    // A fault is told once.
    let faulty = destination("connect_timeout = '60s'\nfirst_byte_timeout = 'x'\ntimeout = '60s'");
    assert!(faulty.len() == 1 && faulty[0].starts_with("5:22: "), "{faulty:?}");
    for timeout in ["0s", "61s", "5", "soon", "", "hunter2"] {
        let line = "4:11: destinations.d.timeout: must be a time of up to 60s, such as \"500ms\", \"5s\" or \"1m\"";
        assert_eq!(destination(&format!("timeout = '{timeout}'")), [line]);
    }
}

#[test]
fn only_statuses_of_the_400s_are_given_another_meaning() {
    for (key, expected) in [
        (
            "transient_statuses = [404, 500]",
            "4:28: destinations.d.transient_statuses: must be a whole number from 400 to 499",
        ),
        (
            "permanent_statuses = 404",
            "4:22: destinations.d.permanent_statuses: must be a list, such as [404], not a number",
        ),
        (
            "transient_statuses = [404]\npermanent_statuses = [404]",
            "5:22: destinations.d.permanent_statuses: 404 is in transient_statuses as well: remove one of them",
        ),
        (
            "method = 'post'",
            "4:10: destinations.d.method: must be \"POST\", \"PUT\" or \"PATCH\": did you mean \"POST\"?",
        ),
    ] {
        assert_eq!(destination(key), [expected]);
    }
}

#[test]
fn a_batch_has_bounds() {
    let events = "must be a whole number from 2 to 1000";
    let wait = "must be a time from 1ms to 5s, such as \"200ms\" or \"1s\"";
    for (batch, expected) in [
        ("{ events = 1, wait = '1s' }", format!("4:20: destinations.d.batch.events: {events}")),
        ("{ events = 1001, wait = '1s' }", format!("4:20: destinations.d.batch.events: {events}")),
        ("{ events = 2, wait = '0s' }", format!("4:30: destinations.d.batch.wait: {wait}")),
        ("{ events = 2, wait = '5001ms' }", format!("4:30: destinations.d.batch.wait: {wait}")),
        (
            "{ events = 2 }",
            "4:1: destinations.d.batch.wait: is missing: add wait = \"200ms\"".to_owned(),
        ),
        (
            "{ wait = '1s' }",
            "4:1: destinations.d.batch.events: is missing: add events = 100".to_owned(),
        ),
        (
            "100",
            "4:9: destinations.d.batch: must be a table, not a number: begin it with \
             [destinations.d.batch]"
                .to_owned(),
        ),
    ] {
        assert_eq!(destination(&format!("batch = {batch}")), [expected]);
    }
    assert!(destination("batch = { events = 2, wait = '1s', size = 1 }")[0].starts_with("4:36: "));
    for batch in ["{ events = 2, wait = '1ms' }", "{ events = 1000, wait = '5s' }"] {
        super::sample::tenants(&format!(
            "[destinations.d]\nurl = 'http://d'\nsign = 'none'\nbatch = {batch}"
        ));
    }
}
