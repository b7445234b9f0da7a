//! A deal as it is now, and since when.

use std::collections::HashMap;
use std::time::UNIX_EPOCH;

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::id::Id;
use super::{HubSpot, Subject, version};
use crate::clients::http::Reply;
use crate::clients::money::Money;
use crate::error::HandlerError;

/// A deal and those of its properties that were asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct Deal {
    /// The deal's id. A deal that was merged is read under the id of the one that is left.
    pub id: u64,
    portal_id: u64,
    properties: HashMap<String, String>,
    history: HashMap<String, Vec<Version>>,
}

/// A value that a property had, and from when on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Since when, in ms since the Unix epoch.
    pub at_ms: i64,
    /// The value, empty where the property was cleared.
    pub value: String,
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

    /// The property `amount` in the deal's currency, which must have been read too.
    pub fn amount(&self) -> Option<Money> {
        Money::read(self.property("amount")?, self.property("deal_currency_code"))
    }

    /// The values that a property had, the newest first; none if they were not asked for.
    pub fn history(&self, name: &str) -> &[Version] {
        self.history.get(name).map_or(&[], Vec::as_slice)
    }

    /// Since when the deal is won, by HubSpot's own sign or by a stage that counts as won, whichever
    /// was first: the sign may come weeks after such a stage. Moved on from one such stage to another
    /// it is still the same closing.
    pub(super) fn won_since(&self, won_stages: &[String]) -> Option<i64> {
        let is_signed = self.property("hs_is_closed_won") == Some("true");
        let by_sign = since(self.history("hs_is_closed_won"), |value| value == "true");
        // Of the stay that lasts: an earlier one was another closing.
        let stages = self.history("dealstage").iter();
        let stay = stages.take_while(|version| is_in(won_stages, &version.value)).last();
        let by_stage = stay.map(|version| version.at_ms);
        let times =
            [by_sign.filter(|_| is_signed), by_stage.filter(|_| self.stands_in(won_stages))];
        times.into_iter().flatten().min()
    }

    pub(super) fn is_won(&self, won_stages: &[String]) -> bool {
        self.property("hs_is_closed_won") == Some("true") || self.stands_in(won_stages)
    }

    fn stands_in(&self, stages: &[String]) -> bool {
        self.property("dealstage").is_some_and(|stage| is_in(stages, stage))
    }
}

impl HubSpot<'_> {
    /// Whether the deal is won now: it stands in one of `WON_STAGES`, or HubSpot itself says so
    /// (`hs_is_closed_won`). Both properties must have been read.
    pub fn is_won(&self, deal: &Deal) -> bool {
        deal.is_won(&self.api.won_stages)
    }

    /// Since when the deal is won, in ms since the Unix epoch: which closing of it this is. Both
    /// properties must have been read with their history; `None` if that does not say.
    pub fn won_since(&self, deal: &Deal) -> Option<i64> {
        deal.won_since(&self.api.won_stages)
    }

    /// Reads the deal that the event names, with these properties.
    pub async fn deal(&self, id: u64, properties: &[&str]) -> Result<Deal, HandlerError> {
        self.deal_with_history(id, properties, &[]).await
    }

    /// The same, and of some properties the values that they had (`propertiesWithHistory`).
    pub async fn deal_with_history(
        &self,
        id: u64,
        properties: &[&str],
        history: &[&str],
    ) -> Result<Deal, HandlerError> {
        let path = id.to_string();
        let path = [&version::OBJECTS[..], &["deals", &path]].concat();
        let query =
            [("properties", properties.join(",")), ("propertiesWithHistory", history.join(","))];
        let query = query.each_ref().map(|(name, value)| (*name, value.as_str()));
        let query = if history.is_empty() { &query[..1] } else { &query[..] };
        let request = self.api.http.request(Method::GET, &path, query);
        let reply = self.send(request, Subject::Record).await?;
        read(&reply, id, self.run.portal_id())
    }
}

fn read(reply: &Reply, asked: u64, portal_id: u64) -> Result<Deal, HandlerError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        id: Option<Id>,
        properties: HashMap<String, Value>,
        #[serde(default)]
        properties_with_history: HashMap<String, Vec<Dated>>,
    }
    #[derive(Deserialize)]
    struct Dated {
        value: Value,
        timestamp: Value,
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
    let mut history = HashMap::new();
    for (name, versions) in answer.properties_with_history {
        let version = |Dated { value, timestamp }| {
            let value = text(value).unwrap_or_default();
            moment(&timestamp).map(|at_ms| Version { at_ms, value })
        };
        let mut versions = versions.into_iter().map(version).collect::<Option<Vec<_>>>();
        let versions = versions.as_mut().ok_or_else(|| reply.bad("dates a value by no time"))?;
        versions.sort_by_key(|version| std::cmp::Reverse(version.at_ms));
        history.insert(name, std::mem::take(versions));
    }
    Ok(Deal { id, portal_id, properties, history })
}

fn is_in(stages: &[String], stage: &str) -> bool {
    stages.iter().any(|known| known == stage)
}

/// When the value last became one of those that `is` means, if it ever did. A value that was written
/// again, by a merge for example, is no change.
fn since(history: &[Version], is: impl Fn(&str) -> bool) -> Option<i64> {
    let newest = history.iter().skip_while(|version| !is(&version.value));
    newest.take_while(|version| is(&version.value)).last().map(|version| version.at_ms)
}

/// HubSpot writes times as `2026-01-22T11:39:53.123Z`, and in places as ms since the Unix epoch.
fn moment(timestamp: &Value) -> Option<i64> {
    match timestamp {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok().or_else(|| {
            let time = humantime::parse_rfc3339(text).ok()?;
            i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
