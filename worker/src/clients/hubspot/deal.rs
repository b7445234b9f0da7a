//! A deal as it is now.

use std::collections::HashMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::{HubSpot, Id, Subject, version};
use crate::clients::http::Reply;
use crate::error::HandlerError;

/// A deal and those of its properties that were asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct Deal {
    /// The deal's id. A deal that was merged is read under the id of the one that is left.
    pub id: u64,
    portal_id: u64,
    properties: HashMap<String, String>,
}

/// Ids only: what a deal is called and worth has no place in a log.
impl std::fmt::Debug for Deal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deal").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Deal {
    /// A property's value; `None` if it is empty or was not asked for.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The deal's name (`dealname`), or what stands in for it.
    pub fn name(&self) -> String {
        self.property("dealname").map_or_else(|| format!("Deal {}", self.id), str::to_owned)
    }

    /// The deal's page in HubSpot.
    pub fn page(&self) -> String {
        format!("https://app.hubspot.com/contacts/{}/record/0-3/{}", self.portal_id, self.id)
    }

    pub(super) fn is_won(&self, won_stages: &[String]) -> bool {
        self.property("hs_is_closed_won") == Some("true")
            || self
                .property("dealstage")
                .is_some_and(|stage| won_stages.iter().any(|won| won == stage))
    }
}

impl HubSpot<'_> {
    /// Reads the deal that the event names, with these properties.
    pub async fn deal(&self, id: u64, properties: &[&str]) -> Result<Deal, HandlerError> {
        let path = id.to_string();
        let path = [&version::OBJECTS[..], &["deals", &path]].concat();
        let query = [("properties", properties.join(","))];
        let query = query.each_ref().map(|(name, value)| (*name, value.as_str()));
        let request = self.api.http.request(Method::GET, &path, &query);
        let reply = self.send(request, Subject::Record).await?;
        read(&reply, id, self.cx.portal_id)
    }
}

fn read(reply: &Reply, asked: u64, portal_id: u64) -> Result<Deal, HandlerError> {
    #[derive(Deserialize)]
    struct Answer {
        id: Option<Id>,
        properties: HashMap<String, Value>,
    }
    let answer: Answer = reply.json()?;
    let id = match answer.id {
        None => asked,
        Some(id) => id.number().ok_or_else(|| reply.bad("gives a deal an id that is no number"))?,
    };
    let text = |value| match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let properties = answer.properties.into_iter();
    let properties = properties.filter_map(|(name, value)| Some((name, text(value)?))).collect();
    Ok(Deal { id, portal_id, properties })
}

#[cfg(test)]
mod tests {
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
}
