//! What is wrong with one origin's letters, for those who see that one alone: counted from its own letters,
//! with a sample of its own. Of others that have the same problem nothing is in it, nor what people wrote
//! about that for everybody.

use std::collections::{BTreeMap, BTreeSet};

use shared::clock::now_ms;
use shared::origin::Origin;
use sqlx::{AssertSqlSafe, QueryBuilder};

use crate::records::database::{Database, on_reading};
use crate::records::dead_letters::filter::push_in;
use crate::records::dead_letters::group::{Group, Grouping, Groups};
use crate::records::dead_letters::handle::DeadLetters;
use crate::records::dead_letters::hour::{HOUR_MS, TREND_HOURS, hour_of};
use crate::records::dead_letters::state::{Counters, State};
use crate::records::row::from_row;

/// Letters that are counted at the most: so many that are to be dealt with, and of the others.
const COUNTED: i64 = 20_000;

from_row! {
    /// Letters of one problem that are in the same state.
    struct Own {
        fingerprint: String,
        code: String,
        target: String,
        state: State as String,
        letters: i64,
        first_ms: i64,
        last_ms: i64,
        /// The last one that was not erased.
        sample_id: Option<i64>,
    }
}

impl DeadLetters {
    /// Groups of the letters of `origin`, page by page: at most `limit` of them, behind the `first` ones, the
    /// largest first. With `all` also those that nobody has to do with any more.
    pub(crate) async fn groups_of(
        &self,
        origin: &Origin,
        by: Grouping,
        all: bool,
        first: i64,
        limit: i64,
    ) -> anyhow::Result<Groups> {
        let database = self.records.ready().await?;
        let found = own(database, origin, "").await?;
        let more = found.iter().map(|own| own.letters).sum::<i64>() >= COUNTED;
        let mut groups = gathered(found, by, origin);
        groups.retain(|group| all || is_open(group));
        groups.sort_by(|a, b| {
            (b.dead, b.last_ms).cmp(&(a.dead, a.last_ms)).then_with(|| a.key.cmp(&b.key))
        });
        let count = i64::try_from(groups.len()).unwrap_or(i64::MAX);
        let dead = groups.iter().map(|group| group.dead).sum();
        let [first, limit] = [first, limit].map(|n| usize::try_from(n).unwrap_or_default());
        let mut groups: Vec<Group> = groups.into_iter().skip(first).take(limit).collect();
        if by == Grouping::Fingerprint {
            told(database, origin, &mut groups).await?;
        }
        Ok(Groups { groups, count, dead, more })
    }

    /// The problem with this fingerprint, as far as letters of `origin` have it.
    pub(crate) async fn problem_of(
        &self,
        origin: &Origin,
        fingerprint: &str,
    ) -> anyhow::Result<Option<Group>> {
        if fingerprint.is_empty() {
            return Ok(None);
        }
        let database = self.records.ready().await?;
        let mut groups =
            gathered(own(database, origin, fingerprint).await?, Grouping::Fingerprint, origin);
        told(database, origin, &mut groups).await?;
        Ok(groups.pop())
    }
}

/// The letters of `origin`, or those of them that are of one problem.
async fn own(
    database: &Database,
    origin: &Origin,
    fingerprint: &str,
) -> Result<Vec<Own>, sqlx::Error> {
    let some = |name: &str, states: &str| {
        format!(
            "SELECT * FROM (SELECT id, fingerprint, code, target, state, died_ms, \
              CASE WHEN body IS NOT NULL THEN id END AS kept_id FROM dead_letter \
             WHERE origin = $1 AND ($2 = '' OR fingerprint = $2) AND state IN ({states}) \
             ORDER BY id DESC LIMIT $3) AS {name}"
        )
    };
    let open = some("open", "'dead', 'requested', 'retried'");
    let over = some("past", "'resolved', 'died_again', 'discarded'");
    let select = format!(
        "SELECT fingerprint, code, target, state, count(*) AS letters, min(died_ms) AS first_ms, \
         max(died_ms) AS last_ms, max(kept_id) AS sample_id FROM ({open} UNION ALL {over}) AS own \
         GROUP BY fingerprint, code, target, state"
    );
    on_reading!(database, pool => {
        sqlx::query_as(AssertSqlSafe(select))
            .bind(origin.to_string())
            .bind(fingerprint)
            .bind(COUNTED)
            .persistent(false)
            .fetch_all(pool)
            .await
    })
}

/// What has in common what is asked for.
fn gathered(found: Vec<Own>, by: Grouping, origin: &Origin) -> Vec<Group> {
    let origin = origin.to_string();
    let mut groups: BTreeMap<String, (Group, BTreeSet<String>)> = BTreeMap::new();
    for own in found {
        let key = match by {
            Grouping::Fingerprint => &own.fingerprint,
            Grouping::Code => &own.code,
            Grouping::Target => &own.target,
            // There is one.
            Grouping::Origin => &origin,
        };
        let of_problem = |text: &str| (by == Grouping::Fingerprint).then(|| text.to_owned());
        let empty = || {
            let group = Group {
                key: key.to_owned(),
                counters: Some(Counters::default()),
                code: of_problem(&own.code),
                target: of_problem(&own.target),
                first_ms: Some(own.first_ms),
                ..Group::empty()
            };
            (group, BTreeSet::new())
        };
        let (group, problems) = groups.entry(key.to_owned()).or_insert_with(empty);
        *group.counters.get_or_insert_default().of(own.state) += own.letters;
        group.first_ms = group.first_ms.min(Some(own.first_ms));
        group.last_ms = group.last_ms.max(own.last_ms);
        group.sample_id = group.sample_id.max(own.sample_id);
        if own.state == State::Dead {
            group.dead += own.letters;
            group.origins = 1;
        }
        problems.insert(own.fingerprint);
    }
    let counted = |(mut group, problems): (Group, BTreeSet<String>)| {
        group.problems = i64::try_from(problems.len()).unwrap_or(i64::MAX);
        group
    };
    groups.into_values().map(counted).collect()
}

/// Whether somebody has still to do with one of its letters.
fn is_open(group: &Group) -> bool {
    group.counters.is_some_and(|counters| counters.dead + counters.requested + counters.retried > 0)
}

/// Adds what problems are about, and their trends.
async fn told(
    database: &Database,
    origin: &Origin,
    groups: &mut [Group],
) -> Result<(), sqlx::Error> {
    if groups.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = groups.iter().filter_map(|group| group.sample_id).collect();
    let now = hour_of(now_ms());
    let (samples, hours) = on_reading!(database, pool => {
        let mut samples: Vec<(i64, String)> = Vec::new();
        if !ids.is_empty() {
            let mut select = QueryBuilder::new("SELECT id, error FROM dead_letter WHERE true");
            push_in(&mut select, "id", &ids);
            samples = select.build_query_as().persistent(false).fetch_all(pool).await?;
        }
        let mut select = QueryBuilder::new(
            "SELECT fingerprint, died_ms FROM dead_letter WHERE origin = ",
        );
        select.push_bind(origin.to_string());
        select.push(" AND died_ms >= ").push_bind((now - TREND_HOURS + 1) * HOUR_MS);
        select.push(" ORDER BY id DESC LIMIT ").push_bind(COUNTED);
        let hours: Vec<(String, i64)> =
            select.build_query_as().persistent(false).fetch_all(pool).await?;
        (samples, hours)
    });
    let samples: BTreeMap<i64, String> = samples.into_iter().collect();
    let mut trends: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let quiet = || (0..TREND_HOURS).map(|_| 0).collect::<Vec<_>>();
    for (fingerprint, died_ms) in hours {
        let place = usize::try_from(TREND_HOURS - 1 - (now - hour_of(died_ms))).ok();
        let trend = trends.entry(fingerprint).or_insert_with(quiet);
        if let Some(place) = place.and_then(|place| trend.get_mut(place)) {
            *place += 1;
        }
    }
    for group in groups {
        let sample = group.sample_id.and_then(|id| samples.get(&id).cloned());
        group.sample = Some(sample.unwrap_or_default());
        group.trend = Some(trends.remove(&group.key).unwrap_or_else(quiet));
    }
    Ok(())
}
