//! Letters that another Hubline is to have: taken out some at a time, as the messages they came as,
//! and let go of here once they are there.

use anyhow::Context as _;
use shared::message::{Death, DeathReason, Message};
use sqlx::QueryBuilder;

use super::audit::OWN_NAME;
use super::exported::{Exported, fetch, first_bytes};
use super::filter::Filter;
use super::handle::DeadLetters;
use super::moves::Move;
use super::state::State;
use crate::records::database::on_pool;

/// Those that somebody still has to do with.
const OPEN: [State; 3] = [State::Dead, State::Requested, State::Retried];
const WHERE_OPEN: &str = "WHERE state IN ('dead', 'requested', 'retried') AND body IS NOT NULL";

impl DeadLetters {
    /// How many somebody still has to do with; those that were erased cannot be moved.
    pub(crate) async fn count_open(&self) -> anyhow::Result<u64> {
        let database = self.records.ready().await?;
        let count: i64 = on_pool!(database, pool => {
            let mut select = QueryBuilder::new("SELECT count(*) FROM dead_letter ");
            select.push(WHERE_OPEN).build_query_scalar().fetch_one(pool).await?
        });
        Ok(count.cast_unsigned())
    }

    /// The next of them, the oldest first, each with its number: as much as memory should hold.
    pub(crate) async fn next_open(&self) -> anyhow::Result<Vec<(i64, Message)>> {
        let database = self.records.ready().await?;
        let sizes: Vec<(i64, i64)> = on_pool!(database, pool => {
            let mut select = QueryBuilder::new(
                "SELECT id, coalesce(CAST(length(body) AS BIGINT), 0) FROM dead_letter ",
            );
            select.push(WHERE_OPEN).push(" ORDER BY id LIMIT 200");
            select.build_query_as().fetch_all(pool).await?
        });
        let letters = fetch(database, &first_bytes(sizes)).await?;
        letters.into_iter().map(given_up).collect()
    }

    /// Lets go of letters that are elsewhere now, softly.
    pub(crate) async fn handed_over(&self, ids: &[i64]) -> anyhow::Result<u64> {
        if ids.is_empty() {
            return Ok(0);
        }
        let filter = Filter::of(ids);
        let step = Move::new(&filter, &OPEN, Some(State::Discarded));
        self.run(Move { by: Some((OWN_NAME, "migrate")), ..step }).await
    }
}

/// The letter as a worker gave it up.
fn given_up(exported: Exported) -> anyhow::Result<(i64, Message)> {
    let letter = &exported.letter;
    let (id, reason) = (letter.id, letter.reason.parse().unwrap_or(DeathReason::Crashed));
    let death = Death::new(reason, &letter.code, &letter.error, letter.died_ms);
    let death = death.after(Death::steps_of(&letter.steps));
    let message = exported.message().with_context(|| format!("letter {id} cannot be a message"))?;
    Ok((id, Message { death: Some(death), ..message }))
}
