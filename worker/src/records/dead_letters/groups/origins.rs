//! Origins, each with its dead letters.

use super::slice::Slice;
use crate::records::database::{Database, on_reading};
use crate::records::dead_letters::group::Group;
use crate::records::row::from_row;

from_row! {
    struct ByOrigin {
        origin: String,
        dead: i64,
        problems: i64,
        last_ms: i64,
    }
}

const ORIGINS: &str = "SELECT origin, dead, problems, last_ms FROM origin WHERE dead > 0 \
    ORDER BY dead DESC, last_ms DESC, origin LIMIT $1 OFFSET $2";

pub(super) async fn origins(
    database: &Database,
    Slice { first, limit }: Slice,
) -> Result<Vec<Group>, sqlx::Error> {
    let origins: Vec<ByOrigin> = on_reading!(database, pool => {
        sqlx::query_as(ORIGINS).bind(limit).bind(first).fetch_all(pool).await?
    });
    let group = |of: ByOrigin| Group {
        key: of.origin,
        dead: of.dead,
        problems: of.problems,
        origins: 1,
        last_ms: of.last_ms,
        ..Group::empty()
    };
    Ok(origins.into_iter().map(group).collect())
}
