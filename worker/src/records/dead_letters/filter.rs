//! Which dead letters are meant.

use std::fmt;

use serde::{Deserialize, Serialize};
use shared::origin::Origin;
use sqlx::{Database, Encode, QueryBuilder, Type};

use super::state::State;
use crate::records::conditions;

/// Letters that can be named by number at once.
const MAX_IDS: usize = 10_000;

/// What is not set does not matter; what is set must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// These and no others; empty for any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<i64>,
    /// The problem.
    #[serde(rename = "problem", skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The error's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The class of the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The sender, and the account there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// HubSpot's subscription type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub subscription_type: Option<String>,
    /// The record that the event is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_id: Option<i64>,
    /// The handler it was given up for; empty for those without one.
    #[serde(rename = "handler", skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The job that claimed it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<i64>,
    /// What is the case with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// Died at or after this.
    #[serde(rename = "died_since_ms", skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// Died before this.
    #[serde(rename = "died_before_ms", skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
}

impl Filter {
    /// These letters and no others. None is not the same as any: an empty list is refused.
    #[must_use]
    pub fn of(ids: &[i64]) -> Self {
        Self { ids: ids.to_vec(), ..Self::default() }
    }

    /// Refuses more numbers than a statement takes.
    pub(in crate::records) fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.ids.len() <= MAX_IDS,
            "{} letters by number are too many: name at most {MAX_IDS}, or use a filter",
            self.ids.len()
        );
        Ok(())
    }

    /// Whether every letter is meant. A state alone leaves out nothing that an action would meet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self { state: self.state, ..Self::default() }
    }

    /// Adds what must hold, each with ` AND ` before it.
    pub(super) fn restrict<DB>(&self, query: &mut QueryBuilder<DB>)
    where
        DB: Database,
        i64: for<'t> Encode<'t, DB> + Type<DB>,
        String: for<'t> Encode<'t, DB> + Type<DB>,
    {
        push_in(query, "id", &self.ids);
        let origin = self.origin.as_ref().map(Origin::to_string);
        let texts = [
            ("fingerprint", self.fingerprint.as_deref()),
            ("code", self.code.as_deref()),
            ("reason", self.reason.as_deref()),
            ("origin", origin.as_deref()),
            ("type", self.subscription_type.as_deref()),
            ("target", self.target.as_deref()),
            ("state", self.state.map(State::as_str)),
        ];
        let numbers = [
            ("object_id =", self.object_id),
            ("job_id =", self.job_id),
            ("died_ms >=", self.since_ms),
            ("died_ms <", self.until_ms),
        ];
        conditions::restrict(query, "", &texts, &numbers);
    }
}

/// ` AND column IN (…)`, unless there is nothing to be in.
pub(super) fn push_in<DB>(query: &mut QueryBuilder<DB>, column: &str, ids: &[i64])
where
    DB: Database,
    i64: for<'t> Encode<'t, DB> + Type<DB>,
{
    if ids.is_empty() {
        return;
    }
    query.push(format_args!(" AND {column} IN ("));
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(*id);
    }
    query.push(")");
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<String> = self.ids.iter().map(ToString::to_string).collect();
        let ids = ids.join(",");
        let origin = self.origin.as_ref().map(Origin::to_string);
        let texts = [
            ("id", Some(&*ids).filter(|ids| !ids.is_empty())),
            ("problem", self.fingerprint.as_deref()),
            ("code", self.code.as_deref()),
            ("reason", self.reason.as_deref()),
            ("origin", origin.as_deref()),
            ("type", self.subscription_type.as_deref()),
            ("handler", self.target.as_deref()),
            ("state", self.state.map(State::as_str)),
        ];
        let numbers = [
            ("object", self.object_id),
            ("job", self.job_id),
            ("died_since_ms", self.since_ms),
            ("died_before_ms", self.until_ms),
        ];
        conditions::words(f, &texts, &numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_told_as_it_was_given() {
        let filter = Filter {
            ids: vec![1, 2],
            code: Some("ERP_422".to_owned()),
            origin: Some(Origin::hubspot(7)),
            ..Filter::default()
        };
        assert_eq!(filter.to_string(), "id=1,2 code=ERP_422 origin=hubspot/7");
        assert_eq!(Filter::default().to_string(), "all");
    }

    #[test]
    fn a_state_alone_leaves_the_filter_empty() {
        let state = Some(State::Dead);
        assert!(Filter { state, ..Filter::default() }.is_empty());
        assert!(!Filter { state, until_ms: Some(1), ..Filter::default() }.is_empty());
    }
}
