use super::essence::{MAX_CHARS, essence};
use super::{fingerprint, status, step};

/// The messages of one problem: what follows in a row differs in variable parts only.
const SAME: [&[&str]; 16] = [
    &[
        "ERP answered 422: amount of order 4711 is missing",
        "ERP answered 422: amount of order 12 is missing",
    ],
    &["HubSpot did not answer within 10000 ms", "HubSpot did not answer within 5000 ms"],
    &[
        "HubSpot refuses 3 of 150 contacts; 21: not found",
        "HubSpot refuses 1 of 2 contacts; 4200000000001: not found",
    ],
    &["2 of 150 contacts could not be updated", "149 of 150 contacts could not be updated"],
    &[
        "step `slack` gave 70000 bytes, more than 65536",
        "step `slack` gave 99999 bytes, more than 65536",
    ],
    &["not done within 30000 ms", "not done within 100 ms"],
    &[
        "Slack refused the message: channel \"#sales\" not found",
        "Slack refused the message: channel \"#a b\" not found",
    ],
    &["no user jane.doe+x@example.com", "no user bob@mail.example.org"],
    &[
        "resource 4bf92f35-77b3-4da6-a3ce-929d0e0e4736 is gone",
        "resource 00000000-77b3-4da6-a3ce-929d0e0e4737 is gone",
    ],
    &["commit 4bf92f3577b34da6 is unknown", "commit deadbeef01 is unknown"],
    &[
        "GET https://api.example.com/deals/17?x=1 failed",
        "GET https://api.example.com/deals/180000 failed",
    ],
    &[
        "the deal's contacts do not end after 100 pages of 500",
        "the deal's contacts do not end after 9 pages of 5",
    ],
    &["expected value at line 1 column 5", "expected value at line 30 column 17"],
    &["channel C0123ABCDEF is archived", "channel C99ZZZZ0 is archived"],
    &[
        "index out of bounds: the len is 3 but the index is 7",
        "index out of bounds: the len is 0 but the index is 0",
    ],
    &["cannot connect to 127.0.0.1:5432", "cannot connect to 10.0.12.7:6000"],
];

#[test]
fn what_differs_in_variable_parts_is_one_problem() {
    for messages in SAME {
        let essences: Vec<String> = messages.iter().map(|message| essence(message)).collect();
        assert!(essences.iter().all(|it| *it == essences[0]), "{essences:#?}");
    }
}

#[test]
fn different_problems_stay_apart() {
    let mut prints: Vec<String> =
        SAME.iter().map(|messages| fingerprint("on_deal_closed", "CODE", messages[0])).collect();
    let others = [
        ("on_deal_closed", "ERP_5XX", "ERP answered 500"),
        ("on_deal_closed", "ERP_5XX", "ERP answered 503"),
        ("on_deal_created", "ERP_5XX", "ERP answered 503"),
        ("on_deal_closed", "ERP_422", "ERP answered 422: amount is missing"),
        ("on_deal_closed", "ERP_422", "ERP answered 422: currency is missing"),
        ("on_deal_closed", "STEP_TOO_LARGE", "step `slack` gave 1 bytes, more than 65536"),
        ("on_deal_closed", "STEP_TOO_LARGE", "step `erp` gave 1 bytes, more than 65536"),
        ("on_deal_closed", "SLACK_5XX", "Slack answered 503; also ERP_422: no amount"),
        ("on_deal_closed", "SLACK_5XX", "Slack answered 503; also HUBSPOT_5XX: no amount"),
        (
            "on_deal_closed",
            "HUBSPOT_NOT_CONFIGURED",
            "HUBSPOT_ACCESS_TOKEN is not set: the event waits among the dead letters",
        ),
        ("", "UNREADABLE", "no headers"),
        ("", "UNREADABLE", ""),
    ];
    prints.extend(others.map(|(target, code, message)| fingerprint(target, code, message)));
    let count = prints.len();
    prints.sort();
    prints.dedup();
    assert_eq!(prints.len(), count);
}

#[test]
fn a_message_keeps_what_it_says() {
    for (message, expected) in [
        ("ERP answered 422: amount is missing", "ERP answered <n>: amount is missing"),
        (
            "HubSpot's answer is not what was expected (Syntax error)",
            "HubSpot's answer is not what was expected (Syntax error)",
        ),
        ("HUBSPOT_5XX: a\u{0}b\n c", "HUBSPOT_5XX: a b c"),
        ("mail jane@example.com, please", "mail <email>, please"),
        ("GET https://api.example.com/v3/17 failed", "GET https://api.example.com/<path> failed"),
        ("value 'it's 7' is wrong", "value <text> is wrong"),
        ("took 5000ms of v3", "took <n>ms of v<n>"),
        (
            "Gr\u{fc}\u{df}e, \u{201e}\u{fc}\u{201c} 7",
            "Gr\u{fc}\u{df}e, \u{201e}\u{fc}\u{201c} <n>",
        ),
    ] {
        assert_eq!(essence(message), expected);
    }
    assert_eq!(status("HubSpot answered 429: slow down"), Some(429));
    assert_eq!(status("error (status: 503)"), Some(503));
    assert_eq!(status("HTTP 200 answered me"), Some(200));
    assert_eq!(status("answered 42000 questions, status unknown"), None);
    assert_eq!(step("step `slack` gave"), Some("slack"));
}

#[test]
fn hostile_text_ends_as_well() {
    for text in
        ["\"", "'''''", "://", "a://", "@", "@.", "`\u{0}", "\u{202e}7", "/?#", "é@é.é", "é/7"]
    {
        let _ = fingerprint(text, text, &text.repeat(400));
    }
    assert!(essence(&"x7 ".repeat(10_000)).chars().count() <= MAX_CHARS);
}
