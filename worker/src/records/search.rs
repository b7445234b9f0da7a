//! The event log searched by several conditions at once, back in time, window by window: no index
//! serves every combination, and what two conditions hardly have in common would be looked for in
//! every line there is.

use std::time::{Duration, Instant};

use shared::clock::now_ms;

use super::clock::{first_line, ms_of_line};
use super::database::{Database, on_reading};
use super::handle::Records;
use super::history::{Line, Question, lines};

/// The newest window is so long, in ms: of a busy log some 100,000 lines.
const FIRST_MS: i64 = 15 * 60 * 1000;
/// Where a window was quick the next one is so many times as long.
const GROWTH: i64 = 4;
/// What quick is.
const QUICK: Duration = Duration::from_millis(10);
/// How long a search looks before it says how far it has come.
pub(crate) const PATIENCE: Duration = Duration::from_millis(50);

/// What a search has found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// The lines, the latest first.
    pub(crate) lines: Vec<Line>,
    /// Where it stopped, if it did so before the limit and the log's beginning: it goes on behind the
    /// line with this number.
    pub(crate) looked_to: Option<i64>,
}

impl Found {
    /// The time before which nothing was looked at.
    pub(crate) fn looked_to_ms(&self) -> Option<i64> {
        self.looked_to.map(ms_of_line)
    }
}

impl Records {
    /// The last lines that answer `question`, at most `limit`, the latest first, as far back as can be
    /// looked within `patience`: one window at least.
    pub(crate) async fn search(
        &self,
        question: &Question,
        limit: u32,
        patience: Duration,
    ) -> anyhow::Result<Found> {
        let database = self.ready().await?;
        if !needs_windows(question) {
            return Ok(Found { lines: lines(database, question, limit).await?, looked_to: None });
        }
        Ok(by_windows(database, question, limit, patience).await?)
    }
}

/// Whether no single index leads to the lines: an event or a record has few.
fn needs_windows(question: &Question) -> bool {
    let narrow = question.event.is_some() || question.object_id.is_some();
    let conditions = [
        question.origin.is_some(),
        question.subscription_type.is_some(),
        question.target.is_some(),
        question.verdict.is_some(),
    ];
    !narrow && conditions.into_iter().filter(|is_set| *is_set).count() > 1
}

async fn by_windows(
    database: &Database,
    question: &Question,
    limit: u32,
    patience: Duration,
) -> Result<Found, sqlx::Error> {
    let begun = Instant::now();
    let Some(first) = beginning(database).await? else { return Ok(Found::default()) };
    let first_ms = question.since_ms.map_or(first, |since_ms| since_ms.max(first));
    let (mut window, mut length) = (question.clone(), FIRST_MS);
    let mut end_ms = question.after.map_or_else(now_ms, ms_of_line);
    end_ms = question.until_ms.map_or(end_ms, |until_ms| until_ms.min(end_ms));
    let mut found = Found::default();
    loop {
        let asked = Instant::now();
        let since_ms = end_ms.saturating_sub(length).max(first_ms);
        window.since_ms = Some(since_ms);
        let wanted = limit.saturating_sub(u32::try_from(found.lines.len()).unwrap_or(u32::MAX));
        found.lines.extend(lines(database, &window, wanted).await?);
        if found.lines.len() >= limit as usize || since_ms <= first_ms {
            return Ok(found);
        }
        let place = first_line(since_ms);
        if begun.elapsed() >= patience {
            found.looked_to = Some(place);
            return Ok(found);
        }
        if asked.elapsed() < QUICK {
            length = length.saturating_mul(GROWTH);
        }
        (window.after, end_ms) = (Some(place), since_ms);
    }
}

/// When the oldest run ended that the log has, if it has one.
async fn beginning(database: &Database) -> Result<Option<i64>, sqlx::Error> {
    let oldest: Option<i64> = on_reading!(database, pool => {
        sqlx::query_scalar("SELECT min(id) FROM event_log").fetch_one(pool).await?
    });
    Ok(oldest.map(ms_of_line))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use secrecy::SecretString;
    use shared::origin::Origin;
    use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};

    use super::super::clock::day_of;
    use super::*;

    /// A line a minute for 20 hours, the last one now; every 97th is of the rare kind.
    const FILL: &str = "
        INSERT INTO event_log (day, id, identity, origin, type, object_id, received_ms, started_ms,
            settled_ms, attempt, generation, target, verdict)
        WITH RECURSIVE line (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM line WHERE n < 1199)
        SELECT ({ms} - n * 60000) / 86400000, ({ms} - n * 60000) * 1048576, CAST(1000000 + n AS TEXT),
            'hubspot/7', 'deal.creation', n, 0, 0, {ms} - n * 60000, 0, 0,
            CASE WHEN n % 97 = 96 THEN 'rare' ELSE 'on_deal_created' END,
            CASE WHEN n % 2 = 0 THEN 'succeeded' ELSE 'crashed' END
        FROM line";

    async fn a_search_goes_on_where_it_stopped(engine: DatabaseEngine) {
        let test = TestDatabase::new(engine).await;
        let records = Records::new(&SecretString::from(test.url())).unwrap();
        records.ready().await.unwrap();
        let now_ms = now_ms();
        test.run(&FILL.replace("{ms}", &now_ms.to_string())).await;
        assert!(day_of(now_ms) > 0);
        let rare = Question {
            origin: Some(Origin::hubspot(7)),
            target: Some("rare".to_owned()),
            ..Question::default()
        };
        let all = records.history(&rare, 100).await.unwrap();
        assert_eq!(all.len(), 12);
        // Without any patience it looks at a window at a time, and says where it stopped.
        let (mut question, mut found, mut stops) = (rare.clone(), Vec::new(), 0);
        loop {
            let next = records.search(&question, 100, Duration::ZERO).await.unwrap();
            found.extend(next.lines);
            let Some(place) = next.looked_to else { break };
            assert!(stops > 0 || found.is_empty(), "{found:?}");
            question.after = Some(place);
            stops += 1;
        }
        // 20 hours in quarters of an hour.
        assert!((78..=81).contains(&stops), "{stops}");
        let ids = |lines: &[Line]| lines.iter().map(|line| line.id).collect::<Vec<_>>();
        assert_eq!(ids(&found), ids(&all));
        // With enough of it the windows grow, and all is found at once; never more than was asked for.
        let whole = records.search(&rare, 100, Duration::from_secs(3600)).await.unwrap();
        assert_eq!((ids(&whole.lines), whole.looked_to), (ids(&all), None));
        let some = records.search(&rare, 5, Duration::from_secs(3600)).await.unwrap();
        assert_eq!(ids(&some.lines), ids(&all)[..5]);
        // Nothing outside of what was asked for.
        let between = Question {
            since_ms: Some(all[8].settled_ms),
            until_ms: Some(all[3].settled_ms),
            ..rare.clone()
        };
        let some = records.search(&between, 100, Duration::from_secs(3600)).await.unwrap();
        assert_eq!(ids(&some.lines), ids(&all)[4..9]);
        // What never meets, and a single condition, which an index serves.
        let never = Question { verdict: Some("lost".to_owned()), ..rare };
        let none = records.search(&never, 100, Duration::ZERO).await.unwrap();
        assert!(none.lines.is_empty() && none.looked_to_ms().unwrap() < now_ms);
        let single = Question { target: Some("rare".to_owned()), ..Question::default() };
        let single = records.search(&single, 100, Duration::ZERO).await.unwrap();
        assert_eq!((single.lines.len(), single.looked_to), (12, None));
        records.close().await;
        test.end().await;
    }

    on_every_database! { a_search_goes_on_where_it_stopped }
}
