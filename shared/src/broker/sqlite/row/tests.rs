//! Messages as they stand in the data file.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fmt::Write as _;

use sqlx::AssertSqlSafe;

use super::*;
use crate::broker::samples::samples;
use crate::format;
use crate::store::Store;

/// Where each sample is put.
const ROUTES: [Route; 4] = [
    Route::Ready(Lane::Work),
    Route::Later { lane: Lane::Bulk, wait: Duration::from_micros(1500) },
    Route::Dead,
    Route::Dead,
];

#[tokio::test]
async fn what_is_written_is_what_this_version_has_always_written() {
    let name = format!("hubline-rows-{:016x}", rand::random::<u64>());
    let directory = std::env::temp_dir().join(name);
    let store = Store::open(&directory).await.unwrap();
    let (names, messages): (Vec<_>, Vec<_>) = samples().into_iter().unzip();
    let batch: Vec<Publication> = std::iter::zip(ROUTES, messages.clone())
        .map(|(route, message)| Publication { route, message })
        .collect();
    let writing = store.write(move |turn| {
        insert(turn, &batch)?;
        Ok(turn.now_ms())
    });
    let now_ms = writing.await.unwrap();
    let tables = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' \
        ORDER BY type DESC, name";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(store.reader()).await.unwrap();
    let mut written = format!("{};\n", tables.join(";\n"));
    let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info('message')")
        .fetch_all(store.reader())
        .await
        .unwrap();
    for (id, name) in (1_i64..).zip(names) {
        writeln!(written, "\n# {name}").unwrap();
        for column in &columns {
            let value = match column.as_str() {
                "due_ms" => format!("quote(due_ms - {now_ms})"),
                "body" => "cast(body AS TEXT)".to_owned(),
                column => format!("quote({column})"),
            };
            let select = AssertSqlSafe(format!("SELECT {value} FROM message WHERE id = ?"));
            let value: String =
                sqlx::query_scalar(select).bind(id).fetch_one(store.reader()).await.unwrap();
            writeln!(written, "{column}: {value}").unwrap();
        }
    }
    let reading = store.look(|turn| {
        let mut select = turn.connection.prepare("SELECT * FROM message ORDER BY id")?;
        let read = select.query_map([], |row| Ok(decode(row).unwrap()))?;
        read.collect::<Result<Vec<Message>, _>>()
    });
    assert_eq!(reading.await.unwrap(), messages);
    let closed = store.closed();
    drop(store);
    closed.await;
    std::fs::remove_dir_all(&directory).unwrap();
    format::assert_is_kept("data-file", format::DATA_FILE, &written);
}
