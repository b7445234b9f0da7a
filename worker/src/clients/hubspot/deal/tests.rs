#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use super::*;
use crate::clients::http::{Service, tests::reply};

fn deal(body: &str) -> Result<Deal, HandlerError> {
    read(&reply(Service::HubSpot, 200, None, body), 7, 62_515)
}

#[test]
fn a_deal_is_read_with_what_it_has() {
    let deal = deal(r#"{"id":"7","properties":{"dealname":"Big one","amount":"5000","hubspot_owner_id":null,"dealstage":""},"archived":false}"#).unwrap();
    assert_eq!((deal.id, deal.name()), (7, "Big one".to_owned()));
    assert_eq!(deal.property("amount"), Some("5000"));
    assert_eq!((deal.property("hubspot_owner_id"), deal.property("dealstage")), (None, None));
    assert_eq!(deal.page(), "https://app.hubspot.com/contacts/62515/record/0-3/7");
}

#[test]
fn a_merged_deal_is_the_one_that_is_left() {
    assert_eq!(deal(r#"{"id":"8","properties":{}}"#).unwrap().id, 8);
    assert_eq!(deal(r#"{"properties":{}}"#).unwrap().name(), "Deal 7");
}

#[test]
fn an_odd_answer_is_a_failure_and_no_panic() {
    for odd in [
        "",
        "[]",
        "{}",
        r#"{"id":"x","properties":{}}"#,
        r#"{"id":-1,"properties":{}}"#,
        r#"{"properties":[]}"#,
    ] {
        assert_eq!(deal(odd).unwrap_err().code, "HUBSPOT_BAD_RESPONSE", "{odd}");
    }
}

#[test]
fn a_closing_is_told_by_when_the_deal_was_last_won() {
    let since = |body: &str| deal(body).unwrap().won_since(&["closedwon".to_owned()]);
    let won = r#""properties":{"hs_is_closed_won":"true"},"propertiesWithHistory""#;
    let version = |value: &str, second: u8| {
        format!(r#"{{"value":"{value}","timestamp":"2026-01-22T11:39:{second}.5Z"}}"#)
    };
    let at = |second: i64| Some(1_769_081_940_000 + second * 1000 + 500);
    for (versions, expected) in [
        (vec![version("true", 53), version("false", 10)], at(53)),
        // Written again, in whichever order they come.
        (vec![version("true", 20), version("true", 53), version("false", 10)], at(20)),
        (vec![version("true", 53), version("false", 30), version("true", 20)], at(53)),
        (vec![version("false", 53), version("true", 20)], at(20)),
        (vec![version("false", 53)], None),
        (Vec::new(), None),
    ] {
        let history = versions.join(",");
        let body = format!(r#"{{{won}:{{"hs_is_closed_won":[{history}]}}}}"#);
        assert_eq!(since(&body), expected, "{history}");
    }
    // A stage that only Hubline counts as won.
    let stages = r#"{"properties":{"hs_is_closed_won":"false","dealstage":"closedwon"},"propertiesWithHistory":{
        "hs_is_closed_won":[{"value":"false","timestamp":"1"}],"dealstage":[
        {"value":"closedwon","timestamp":30},{"value":"x","timestamp":"20"}]}}"#;
    assert_eq!(since(stages), Some(30));
    let odd =
        r#"{"properties":{},"propertiesWithHistory":{"x":[{"value":"1","timestamp":"soon"}]}}"#;
    assert_eq!(deal(odd).unwrap_err().code, "HUBSPOT_BAD_RESPONSE");
}

#[test]
fn a_closing_stays_the_same_when_hubspot_signs_it_later() {
    let since = |stage: &str, stages: &str, signed: &str| {
        let body = format!(
            r#"{{"properties":{{"hs_is_closed_won":"true","dealstage":"{stage}"}},
            "propertiesWithHistory":{{"dealstage":[{stages}],"hs_is_closed_won":[
            {{"value":"true","timestamp":{signed}}},{{"value":"false","timestamp":1}}]}}}}"#
        );
        let won = ["contractsigned".to_owned(), "closedwon".to_owned()];
        deal(&body).unwrap().won_since(&won)
    };
    let moved = r#"{"value":"closedwon","timestamp":90},{"value":"contractsigned","timestamp":50},
        {"value":"open","timestamp":40},{"value":"closedwon","timestamp":10}"#;
    assert_eq!(since("closedwon", moved, "91"), Some(50), "of the stay that lasts");
    assert_eq!(since("closedwon", moved, "45"), Some(45), "signed in another stage before");
    assert_eq!(since("elsewhere", moved, "91"), Some(91), "by the sign alone");
    let lagging = r#"{"value":"open","timestamp":40},{"value":"closedwon","timestamp":10}"#;
    assert_eq!(since("closedwon", lagging, "91"), Some(91), "no stay that is over");
}

#[test]
fn an_amount_is_in_the_deals_currency() {
    let body = r#"{"properties":{"amount":"5000.10","deal_currency_code":"EUR"}}"#;
    let amount = deal(body).unwrap().amount().unwrap();
    assert_eq!((amount.decimal(), amount.currency()), ("5000.10", Some("EUR")));
    assert_eq!(deal(r#"{"properties":{"amount":null}}"#).unwrap().amount(), None);
}

#[test]
fn won_is_a_won_stage_or_hubspots_own_word() {
    let won = |properties: &str| {
        let deal = deal(&format!(r#"{{"properties":{properties}}}"#)).unwrap();
        deal.is_won(&["closedwon".to_owned(), "12345".to_owned()])
    };
    assert!(won(r#"{"dealstage":"closedwon"}"#));
    assert!(won(r#"{"dealstage":"12345","hs_is_closed_won":"false"}"#));
    assert!(won(r#"{"dealstage":"777","hs_is_closed_won":"true"}"#));
    assert!(!won(r#"{"dealstage":"777","hs_is_closed_won":"false"}"#));
    assert!(!won("{}"));
}
