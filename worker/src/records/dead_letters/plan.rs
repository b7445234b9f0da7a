//! What an action would be about, before it is done.

use serde::Serialize;
use sqlx::QueryBuilder;

use super::filter::Filter;
use super::handle::DeadLetters;
use super::state::State;
use crate::records::database::on_reading;
use crate::records::row::from_row;
use crate::settings::processing::REMEMBERED;

/// How many there are, counted so far as it is quick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// So many were counted.
    pub count: i64,
    /// Whether there are more.
    pub more: bool,
}

impl Count {
    /// Of what was counted up to one more than `most`.
    pub(in crate::records) fn up_to(most: i64, counted: i64) -> Self {
        Self { count: counted.min(most), more: counted > most }
    }
}

/// What an action would be about, of letters or of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// How many were counted.
    pub count: i64,
    /// Whether there are more.
    pub more: bool,
    /// Messages that these are about, if something is published: an event that a handler gave up is one
    /// for that handler, and one for all others.
    pub messages: i64,
    /// When the first of them died, or ended.
    pub oldest_ms: Option<i64>,
    /// When the last of them did, if all were counted.
    pub newest_ms: Option<i64>,
    /// Of how many origins those are that were counted.
    pub origins: i64,
}

/// Which letters an action is about.
#[derive(Clone, Copy, Debug)]
pub(in crate::records) struct Asked<'a> {
    pub(in crate::records) filter: &'a Filter,
    /// The state they are in,
    pub(in crate::records) from: State,
    /// since then or later, if that matters,
    pub(in crate::records) since_ms: Option<i64>,
    /// and since then or before.
    pub(in crate::records) cutoff_ms: i64,
    /// Whether they must still have their event.
    pub(in crate::records) with_body: bool,
    /// Of how many they are counted.
    pub(in crate::records) most: i64,
}

/// A plan counts so far.
pub(in crate::records) const PLANNED: i64 = 100_000;
from_row! {
    /// What is counted for a [`Plan`].
    pub(in crate::records) struct Counted {
        pub(in crate::records) count: i64,
        oldest_ms: Option<i64>,
        newest_ms: Option<i64>,
        origins: i64,
    }
}

impl Counted {
    /// The plan, if this was all there is or `count` says that there are more.
    pub(in crate::records) fn plan(self, count: Count) -> Plan {
        let Self { oldest_ms, newest_ms, origins, .. } = self;
        let Count { count, more } = count;
        Plan {
            count,
            more,
            messages: count,
            oldest_ms,
            newest_ms: newest_ms.filter(|_| !more),
            origins,
        }
    }
}

impl Plan {
    /// How many that are.
    #[must_use]
    pub fn counted(&self) -> Count {
        Count { count: self.count, more: self.more }
    }

    /// Whether some of the letters are so old that the steps they name may be forgotten: a retry
    /// runs those again.
    #[must_use]
    pub fn forgets_steps(&self, now_ms: i64) -> bool {
        let remembered_ms = i64::try_from(REMEMBERED.as_millis()).unwrap_or(i64::MAX);
        self.oldest_ms.is_some_and(|oldest_ms| oldest_ms < now_ms - remembered_ms)
    }
}

impl DeadLetters {
    /// What an action would be about.
    pub(in crate::records) async fn plan(&self, asked: Asked<'_>) -> anyhow::Result<Plan> {
        let Asked { filter, from, since_ms, cutoff_ms, with_body, most } = asked;
        filter.check()?;
        let database = self.records.ready().await?;
        let counted: Counted = on_reading!(database, pool => {
            let mut select = QueryBuilder::new(
                "SELECT count(*) AS count, min(died_ms) AS oldest_ms, max(died_ms) AS newest_ms, \
                 count(DISTINCT origin) AS origins FROM \
                 (SELECT died_ms, origin FROM dead_letter WHERE state = ",
            );
            select.push_bind(from.as_str()).push(" AND state_ms <= ").push_bind(cutoff_ms);
            if let Some(since_ms) = since_ms {
                select.push(" AND state_ms >= ").push_bind(since_ms);
            }
            if with_body {
                select.push(" AND body IS NOT NULL");
            }
            filter.restrict(&mut select);
            select.push(" ORDER BY id LIMIT ").push_bind(most + 1).push(") AS found");
            select.build_query_as().persistent(false).fetch_one(pool).await?
        });
        let count = Count::up_to(most, counted.count);
        Ok(counted.plan(count))
    }
}
