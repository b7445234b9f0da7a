//! What a batch's answer means for each of its contacts.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use super::*;
use crate::clients::http::{Service, tests::reply};
use crate::error::Failure;

fn fates(status: u16, body: &str) -> Fates {
    fates_in(&reply(Service::HubSpot, status, None, body), &BTreeSet::from([1, 2, 3])).unwrap()
}

fn settled(fates: &Fates) -> Vec<u64> {
    fates.settled.iter().copied().collect()
}

#[test]
fn success_settles_all_whatever_the_body() {
    for body in ["", "[]", r#"{"status":"COMPLETE","results":[{"id":"1"}]}"#] {
        assert_eq!(settled(&fates(200, body)), [1, 2, 3]);
    }
}

#[test]
fn only_those_that_errors_name_are_not_settled() {
    let fates = fates(
        207,
        r#"{"status":"COMPLETE","results":[{"id":"99"}],"numErrors":2,"errors":[
            {"category":"VALIDATION_ERROR","message":"…","context":{"ids":["2"]}},
            {"category":"RATE_LIMITS","context":{"id":[3]}}]}"#,
    );
    assert_eq!(
        settled(&fates),
        [1],
        "1 is settled though its result has the id of a merged contact"
    );
    assert_eq!(fates.refused, BTreeMap::from([(2, "VALIDATION_ERROR".to_owned())]));
    assert_eq!(fates.failed, BTreeSet::from([3]));
}

#[test]
fn a_contact_that_is_gone_is_settled() {
    let fates =
        fates(207, r#"{"errors":[{"category":"OBJECT_NOT_FOUND","context":{"ids":["2"]}}]}"#);
    assert_eq!(settled(&fates), [1, 2, 3]);
}

#[test]
fn an_error_that_names_nobody_leaves_only_results_settled() {
    for errors in ["[]", r#"[{"category":"X"}]"#, r#"[{"context":{"ids":["77","x",null]}}]"#] {
        let fates = fates(207, &format!(r#"{{"results":[{{"id":"2"}}],"errors":{errors}}}"#));
        assert_eq!(settled(&fates), [2], "{errors}");
        assert_eq!(fates.failed, BTreeSet::from([1, 3]));
    }
}

#[test]
fn an_odd_207_is_a_failure_and_no_panic() {
    for odd in ["", "[7]", r#"{"results":{}}"#, r#"{"errors":[7]}"#] {
        let reply = reply(Service::HubSpot, 207, None, odd);
        let error = fates_in(&reply, &BTreeSet::from([1])).unwrap_err();
        assert_eq!(error.code, "HUBSPOT_BAD_RESPONSE", "{odd}");
    }
}

#[test]
fn contacts_that_may_pass_outweigh_those_refused_for_good() {
    let refused = BTreeMap::from([(2, "VALIDATION_ERROR".to_owned())]);
    assert_eq!(conclude(3, &BTreeMap::new(), &BTreeSet::new()), Ok(()));
    let error = conclude(3, &refused, &BTreeSet::new()).unwrap_err();
    assert_eq!((error.kind, &*error.code), (Failure::Permanent, "HUBSPOT_CONTACTS_REFUSED"));
    let error = conclude(3, &refused, &BTreeSet::from([3])).unwrap_err();
    assert_eq!(error.kind, Failure::Transient { retry_after: None });
}
