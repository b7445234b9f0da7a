//! Questions to the event log: what happened to this event, to this deal, of this origin.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use shared::origin::Origin;
use sqlx::{Database, Encode, QueryBuilder, Type};

use super::clock::{day_of, day_of_line, first_line};
use super::conditions;
use super::database::{self, on_reading};
use super::handle::Records;
use super::redaction::{Redacted, Redaction};
use super::row::from_row;

/// What is asked for; what is not set does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Question {
    /// An event's identity, or its beginning.
    pub event: Option<String>,
    /// What people call that event, which is what they read of it.
    #[serde(skip)]
    pub called: Option<String>,
    /// The sender, and the account there.
    pub origin: Option<Origin>,
    /// The record that the event is about.
    pub object_id: Option<i64>,
    /// HubSpot's subscription type.
    pub subscription_type: Option<String>,
    /// The handler.
    #[serde(rename = "handler")]
    pub target: Option<String>,
    /// What the run ended in.
    pub verdict: Option<String>,
    /// Ended at or after this.
    pub since_ms: Option<i64>,
    /// Ended before this.
    pub until_ms: Option<i64>,
    /// Only what stands behind the line with this number.
    #[serde(skip)]
    pub after: Option<i64>,
}

impl Question {
    /// Adds what must hold, each with ` AND ` before it; `of` is what columns are called by, e.g.
    /// `line.`.
    pub(super) fn restrict<DB>(&self, query: &mut QueryBuilder<DB>, of: &'static str)
    where
        DB: Database,
        i64: for<'t> Encode<'t, DB> + Type<DB>,
        String: for<'t> Encode<'t, DB> + Type<DB>,
    {
        if let Some(event) = &self.event {
            // As a range: an index serves it, and `LIKE` would have letters of its own.
            query.push(format_args!(" AND {of}identity >= ")).push_bind(event.clone());
            query.push(format_args!(" AND {of}identity < ")).push_bind(format!("{event}g"));
        }
        let origin = self.origin.as_ref().map(Origin::to_string);
        let texts = [
            ("origin", origin.as_deref()),
            ("type", self.subscription_type.as_deref()),
            ("target", self.target.as_deref()),
            ("verdict", self.verdict.as_deref()),
        ];
        let (since, until) = (self.since_ms.map(first_line), self.until_ms.map(first_line));
        // The days are what partitions are found by.
        let numbers = [
            ("object_id =", self.object_id),
            ("id >=", since),
            ("day >=", since.map(day_of_line).map(i64::from)),
            ("id <", until),
            ("day <=", until.map(day_of_line).map(i64::from)),
            ("id <", self.after),
            ("day <=", self.after.map(day_of_line).map(i64::from)),
        ];
        conditions::restrict(query, of, &texts, &numbers);
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.origin.as_ref().map(Origin::to_string);
        let texts = [
            ("origin", origin.as_deref()),
            ("event", self.called.as_deref().or(self.event.as_deref())),
            ("type", self.subscription_type.as_deref()),
            ("handler", self.target.as_deref()),
            ("verdict", self.verdict.as_deref()),
        ];
        let numbers =
            [("object", self.object_id), ("since_ms", self.since_ms), ("until_ms", self.until_ms)];
        conditions::words(f, &texts, &numbers)
    }
}

from_row! {
    /// A line of the log, without the event's bytes.
    #[derive(Clone, Debug, Serialize)]
    pub struct Line {
        /// Its number.
        pub id: i64,
        /// The event's identity.
        pub identity: String,
        /// The sender, and the account there.
        pub origin: Origin as String,
        /// HubSpot's subscription type.
        #[serde(rename = "type")]
        pub subscription_type: String = "type",
        /// The record that the event is about.
        pub object_id: Option<i64>,
        /// The property that changed.
        pub property: Option<String>,
        /// When the receiver took the event in.
        pub received_ms: i64,
        /// When the run began.
        pub started_ms: i64,
        /// When it ended.
        pub settled_ms: i64,
        /// Attempts spent before this one. People count from one, and so does JSON.
        #[serde(serialize_with = "from_one")]
        pub attempt: i32,
        /// How often the event was started over.
        pub generation: i32,
        /// The handler, if one ran.
        #[serde(rename = "handler")]
        pub target: Option<String>,
        /// What the run ended in.
        pub verdict: String,
        /// The code of its error.
        pub code: Option<String>,
        /// What happened.
        pub error: Option<String>,
        /// The beginning of what the other side answered, if that was it.
        pub answer: Option<String>,
        /// The trace of the delivery that brought the event.
        pub trace_id: Option<String>,
    }
}

impl Line {
    /// Leaves out of error and answer what is left out of the event.
    pub(crate) fn redact(&mut self, redaction: &Redaction, event: &Redacted<'_>) {
        if let Some(error) = &mut self.error {
            *error = event.text(error).into_owned();
        }
        if let Some(answer) = &mut self.answer {
            *answer = redaction.answer(event, answer);
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn from_one<S: Serializer>(attempt: &i32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i32(attempt + 1)
}

const SELECT: &str = "SELECT id, identity, origin, type, object_id, property, received_ms, \
    started_ms, settled_ms, attempt, generation, target, verdict, code, error, answer, trace_id \
    FROM event_log WHERE true";

impl Records {
    /// The last lines that answer `question`, at most `limit`, the latest first.
    pub async fn history(&self, question: &Question, limit: u32) -> anyhow::Result<Vec<Line>> {
        Ok(lines(self.ready().await?, question, limit).await?)
    }

    /// The bytes of the event with this identity, if the log or a dead letter still has them; only if it is
    /// `of` this origin, where one is given.
    pub(crate) async fn event_body(
        &self,
        identity: &str,
        of: Option<&Origin>,
    ) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(body_of(self.ready().await?, identity, of).await?)
    }

    /// How many runs ended in each way since then, the most frequent first.
    pub(crate) async fn outcomes(&self, since_ms: i64) -> anyhow::Result<Vec<(String, i64)>> {
        let database = self.ready().await?;
        let outcomes = on_reading!(database, pool => {
            sqlx::query_as(
                "SELECT verdict, count(*) FROM event_log WHERE day >= $1 AND id >= $2 \
                 GROUP BY verdict ORDER BY 2 DESC, 1",
            )
            .bind(day_of(since_ms))
            .bind(first_line(since_ms))
            .persistent(false)
            .fetch_all(pool)
            .await?
        });
        Ok(outcomes)
    }

    /// Leaves out of the lines' errors and answers what `redaction` leaves out of their events, and calls these
    /// by what people may call them.
    pub(crate) async fn redact(
        &self,
        redaction: &Redaction,
        lines: &mut [Line],
    ) -> anyhow::Result<()> {
        if !redaction.is_on() {
            return Ok(());
        }
        let (database, aliases) = (self.ready().await?, self.aliases(redaction).await?);
        for line in lines {
            if line.error.is_some() || line.answer.is_some() {
                // One event at a time: they can be large.
                let body = body_of(database, &line.identity, Some(&line.origin)).await?;
                line.redact(redaction, &redaction.of_kept(body.as_deref()));
            }
            line.identity = aliases.shown(&line.identity);
        }
        Ok(())
    }
}

/// The last lines that answer `question`, the latest first.
pub(super) async fn lines(
    database: &database::Database,
    question: &Question,
    limit: u32,
) -> Result<Vec<Line>, sqlx::Error> {
    on_reading!(database, pool => {
        let mut select = select("", question, limit);
        // Planned for what is asked for: which index is best depends on how much has it.
        select.build_query_as::<Line>().persistent(false).fetch_all(pool).await
    })
}

/// The lines that answer `question`, behind `explain`, which is empty where they are wanted.
fn select<DB>(explain: &str, question: &Question, limit: u32) -> QueryBuilder<DB>
where
    DB: Database,
    i64: for<'t> Encode<'t, DB> + Type<DB>,
    String: for<'t> Encode<'t, DB> + Type<DB>,
{
    let mut query = QueryBuilder::new(format!("{explain}{SELECT}"));
    question.restrict(&mut query, "");
    query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(limit));
    query
}

/// An event's bytes, from wherever they still are.
async fn body_of(
    database: &database::Database,
    identity: &str,
    of: Option<&Origin>,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    let select = "SELECT body FROM event_log \
         WHERE identity = $1 AND ($2 = '' OR origin = $2) AND body IS NOT NULL \
        UNION ALL SELECT body FROM dead_letter \
         WHERE identity = $1 AND ($2 = '' OR origin = $2) AND body IS NOT NULL LIMIT 1";
    let origin = of.map(Origin::to_string).unwrap_or_default();
    on_reading!(database, pool => {
        sqlx::query_scalar(select).bind(identity).bind(origin).fetch_optional(pool).await
    })
}

#[cfg(test)]
mod tests;
