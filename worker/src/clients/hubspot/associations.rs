//! Which contacts a deal has.

use std::collections::BTreeSet;

use reqwest::Method;
use serde::Deserialize;

use super::id::Id;
use super::{HubSpot, Subject, version};
use crate::clients::http::Reply;
use crate::error::HandlerError;

/// The largest page that HubSpot gives.
const PAGE: &str = "500";

/// Pages that are read at most: 10,000 contacts, far over what a deal has. A server that gives
/// pages without end is not followed.
const MAX_PAGES: usize = 20;

impl HubSpot<'_> {
    /// The ids of the deal's contacts, ascending, each once.
    pub async fn deal_contact_ids(&self, deal_id: u64) -> Result<Vec<u64>, HandlerError> {
        let path = deal_id.to_string();
        let path =
            [&version::ASSOCIATIONS[..], &["deals", &path, "associations", "contacts"]].concat();
        let mut ids = BTreeSet::new();
        let mut after: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let query = [("limit", PAGE), ("after", after.as_deref().unwrap_or_default())];
            let query = if after.is_some() { &query[..] } else { &query[..1] };
            let request = self.api.http.request(Method::GET, &path, query);
            let reply = self.send(request, Subject::Part).await?;
            match read(&reply, &mut ids)? {
                None => return Ok(ids.into_iter().collect()),
                next => after = next,
            }
        }
        Err(HandlerError::permanent(
            "HUBSPOT_TOO_MANY_CONTACTS",
            format!("the deal's contacts do not end after {MAX_PAGES} pages of {PAGE}"),
        ))
    }
}

/// Adds a page's ids; gives back where the next page begins.
fn read(reply: &Reply, ids: &mut BTreeSet<u64>) -> Result<Option<String>, HandlerError> {
    #[derive(Deserialize)]
    struct Page {
        results: Vec<Association>,
        paging: Option<Paging>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Association {
        to_object_id: Id,
    }
    #[derive(Deserialize)]
    struct Paging {
        next: Option<Next>,
    }
    #[derive(Deserialize)]
    struct Next {
        after: serde_json::Value,
    }
    let page: Page = reply.json()?;
    for association in page.results {
        let id = association.to_object_id.number();
        ids.insert(id.ok_or_else(|| reply.bad("gives a contact an id that is no number"))?);
    }
    let next = page.paging.and_then(|paging| paging.next);
    Ok(next.and_then(|next| match next.after {
        serde_json::Value::String(text) if !text.is_empty() => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;
    use crate::clients::http::{Service, tests::reply};

    #[test]
    fn ids_are_numbers_or_strings_and_each_counts_once() {
        let mut ids = BTreeSet::new();
        for (body, next) in [
            (
                r#"{"results":[{"toObjectId":30},{"toObjectId":"20"}],"paging":{"next":{"after":"abc="}}}"#,
                Some("abc="),
            ),
            (r#"{"results":[{"toObjectId":"30"}],"paging":{"next":{"after":7}}}"#, Some("7")),
            (r#"{"results":[],"paging":{"next":{"after":""}}}"#, None),
            (r#"{"results":[],"paging":{}}"#, None),
            (r#"{"results":[],"paging":null}"#, None),
            (r#"{"results":[]}"#, None),
        ] {
            let reply = reply(Service::HubSpot, 200, None, body);
            assert_eq!(read(&reply, &mut ids).unwrap().as_deref(), next, "{body}");
        }
        assert_eq!(ids.into_iter().collect::<Vec<_>>(), [20, 30]);
    }

    #[test]
    fn an_odd_page_is_a_failure_and_no_panic() {
        for odd in [
            "",
            "{}",
            r#"{"results":[{}]}"#,
            r#"{"results":[{"toObjectId":"x"}]}"#,
            r#"{"results":[{"toObjectId":1.5}]}"#,
        ] {
            let reply = reply(Service::HubSpot, 200, None, odd);
            let error = read(&reply, &mut BTreeSet::new()).unwrap_err();
            assert_eq!(error.code, "HUBSPOT_BAD_RESPONSE", "{odd}");
        }
    }
}
