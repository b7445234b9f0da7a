//! One letter with its history.

use serde::Serialize;
use shared::origin::Origin;
use sqlx::AssertSqlSafe;

use super::handle::DeadLetters;
use super::letter::{COLUMNS, Letter};
use crate::records::database::{Database, on_reading};
use crate::records::history::{Line, Question};
use crate::records::row::from_row;

/// Lines of the event log that are shown.
const LINES: u32 = 200;

/// A letter and what else is known of the same event and target.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// The letter.
    pub letter: Letter,
    /// Those of the same event and target that came before it.
    pub earlier: Vec<Letter>,
    /// Those that came after it.
    pub later: Vec<Letter>,
    /// What the event log still has of it, the latest line first.
    pub(crate) log: Vec<Line>,
}

from_row! {
    struct Body {
        body: Option<Vec<u8>>,
    }
}

impl DeadLetters {
    /// The letter with this number, if there is one.
    pub async fn show(&self, id: i64) -> anyhow::Result<Option<Shown>> {
        let database = self.records.ready().await?;
        let Some(letter) = one(database, id).await? else { return Ok(None) };
        let mut earlier = related(database, &letter).await?;
        let later = earlier.split_off(earlier.partition_point(|other| other.id <= id));
        earlier.retain(|other| other.id != id);
        let question = Question { event: Some(letter.identity.clone()), ..Question::default() };
        let mut log = self.records.history(&question, LINES).await?;
        log.retain(|line| {
            let target = line.target.as_deref();
            letter.target.is_empty() || target.is_none_or(|target| target == letter.target)
        });
        Ok(Some(Shown { letter, earlier, later, log }))
    }

    /// The origin of the letter with this number, if there is one.
    pub(crate) async fn origin_of(&self, id: i64) -> anyhow::Result<Option<Origin>> {
        let database = self.records.ready().await?;
        let origin: Option<String> = on_reading!(database, pool => {
            sqlx::query_scalar("SELECT origin FROM dead_letter WHERE id = $1")
                .bind(id)
                .fetch_optional(pool)
                .await?
        });
        Ok(origin.map(|origin| origin.parse()).transpose()?)
    }

    /// Every letter of this event, whatever its target, in order.
    pub async fn of_event(&self, identity: &str) -> anyhow::Result<Vec<Letter>> {
        let database = self.records.ready().await?;
        let select = format!("SELECT {COLUMNS} FROM dead_letter WHERE identity = $1 ORDER BY id");
        let letters = on_reading!(database, pool => {
            sqlx::query_as(AssertSqlSafe(select)).bind(identity).fetch_all(pool).await?
        });
        Ok(letters)
    }

    /// The first `limit` of the event's bytes, unless they were erased or there is no such letter.
    pub async fn body_start(&self, id: i64, limit: i32) -> anyhow::Result<Option<Vec<u8>>> {
        let database = self.records.ready().await?;
        let body: Option<Body> = on_reading!(database, pool => {
            sqlx::query_as("SELECT substr(body, 1, $2) AS body FROM dead_letter WHERE id = $1")
                .bind(id)
                .bind(limit)
                .fetch_optional(pool)
                .await?
        });
        Ok(body.and_then(|body| body.body))
    }

    /// The event's bytes, unless they were erased or there is no such letter.
    pub async fn body(&self, id: i64) -> anyhow::Result<Option<Vec<u8>>> {
        let database = self.records.ready().await?;
        let body: Option<Body> = on_reading!(database, pool => {
            sqlx::query_as("SELECT body FROM dead_letter WHERE id = $1")
                .bind(id)
                .fetch_optional(pool)
                .await?
        });
        Ok(body.and_then(|body| body.body))
    }
}

async fn one(database: &Database, id: i64) -> Result<Option<Letter>, sqlx::Error> {
    let select = format!("SELECT {COLUMNS} FROM dead_letter WHERE id = $1");
    on_reading!(database, pool => {
        sqlx::query_as(AssertSqlSafe(select)).bind(id).fetch_optional(pool).await
    })
}

/// Letters of the same event and target, it too, in order.
async fn related(database: &Database, letter: &Letter) -> Result<Vec<Letter>, sqlx::Error> {
    let select = format!(
        "SELECT {COLUMNS} FROM dead_letter WHERE identity = $1 AND target = $2 ORDER BY id"
    );
    on_reading!(database, pool => {
        sqlx::query_as(AssertSqlSafe(select))
            .bind(&letter.identity)
            .bind(&letter.target)
            .fetch_all(pool)
            .await
    })
}
