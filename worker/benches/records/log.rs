//! The event log of a week: what people ask of it, and what a replay would be about.

use std::time::Instant;

use shared::clock::now_ms;
use shared::origin::Origin;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use worker::parts::records::Question;
use worker::parts::records::jobs::{Jobs, Scope};

use super::{Setting, per_second, slowest};

const DAY_MS: i64 = 24 * 3600 * 1000;
const DAYS: i64 = 7;

pub(crate) async fn measure(rows: u64) {
    println!("# {rows} rows of the event log over {DAYS} days");
    let setting = Setting::new().await;
    // Makes the tables.
    setting.records.history(&Question::default(), 1).await.unwrap();
    let mut connection = PgConnection::connect(&setting.database.url()).await.unwrap();
    let now_ms = now_ms();
    let started = Instant::now();
    fill(&mut connection, i64::try_from(rows).unwrap(), now_ms).await;
    println!("made at {:.0} a second (by the server itself)", per_second(rows, started.elapsed()));
    let size: String = sqlx::query_scalar(
        "SELECT pg_size_pretty(sum(pg_total_relation_size(inhrelid))) FROM pg_inherits \
         WHERE inhparent = 'event_log'::regclass",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    println!("on disk, with indexes: {size}");
    let identity: String = sqlx::query_scalar("SELECT identity FROM event_log LIMIT 1")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    ask(&setting, &identity, now_ms).await;
    connection.close().await.unwrap();
    setting.end().await;
}

/// Rows as workers write them: three in four are an event's only one, of 500 origins, each with a
/// body of 300 bytes.
async fn fill(connection: &mut PgConnection, rows: i64, now_ms: i64) {
    let today = now_ms.div_euclid(DAY_MS);
    for day in today - DAYS + 1..=today {
        if day < today {
            let create = format!(
                "CREATE TABLE IF NOT EXISTS event_log_{day} PARTITION OF event_log \
                 FOR VALUES FROM ({day}) TO ({})",
                day + 1
            );
            sqlx::query(AssertSqlSafe(create)).execute(&mut *connection).await.unwrap();
        }
        let insert = "INSERT INTO event_log (day, id, identity, origin, type, object_id, received_ms, started_ms, \
            settled_ms, attempt, generation, target, verdict, body) SELECT $1::int, ($2 + at) * 1048576 + n % 1048576, \
            encode(sha256((($1 * 10000000::bigint) + n - n % 4 / 3)::text::bytea), 'hex'), \
            'hubspot/' || (1000 + n % 500), 'deal.creation', n, $2 + at - 40, $2 + at - 30, $2 + at, 0, 0, \
            'on_deal_created', CASE WHEN n = 7 THEN 'crashed' WHEN n % 50 = 0 THEN 'retried' ELSE 'succeeded' END, \
            convert_to(repeat('x', 300), 'UTF8') \
            FROM (SELECT n, n * $4 / $3 AS at FROM generate_series(0, $3 - 1) AS n) AS numbered";
        let span_ms = if day == today { (now_ms - today * DAY_MS).max(1) } else { DAY_MS };
        sqlx::query(insert)
            .bind(day)
            .bind(day * DAY_MS)
            .bind(rows / DAYS)
            .bind(span_ms)
            .execute(&mut *connection)
            .await
            .unwrap();
    }
    sqlx::query("ANALYZE event_log").execute(connection).await.unwrap();
}

async fn ask(setting: &Setting, identity: &str, now_ms: i64) {
    let one = Question { event: Some(identity.to_owned()), ..Question::default() };
    let beginning = Question { event: Some(identity[..8].to_owned()), ..Question::default() };
    let origin = Question { origin: Some(Origin::hubspot(1007)), ..Question::default() };
    let object = Question { object_id: Some(4007), ..origin.clone() };
    let retried = Question { verdict: Some("retried".to_owned()), ..origin.clone() };
    let nothing = Question { verdict: Some("crashed".to_owned()), ..origin.clone() };
    let hour = Question { since_ms: Some(now_ms - 3_600_000), ..Question::default() };
    let yesterday = Question { until_ms: Some(now_ms - DAY_MS), ..Question::default() };
    let text = |text: &str| Some(text.to_owned());
    let rare = Question { verdict: text("crashed"), ..Question::default() };
    let handler = Question { target: text("on_deal_created"), ..Question::default() };
    let no_handler = Question { target: text("nobody"), ..Question::default() };
    let kind = Question { subscription_type: text("deal.creation"), ..Question::default() };
    let no_kind = Question { subscription_type: text("nothing"), ..Question::default() };
    let no_origin = Question { object_id: Some(4007), ..Question::default() };
    let never = Question { verdict: text("retried"), ..no_handler.clone() };
    let questions = [
        ("events, a rare verdict", &rare),
        ("events, a handler", &handler),
        ("events, a handler, none there", &no_handler),
        ("events, a type", &kind),
        ("events, a type, none there", &no_kind),
        ("events, a deal of any origin", &no_origin),
        ("events, handler and verdict, none", &never),
        ("events, one event", &one),
        ("events, its first letters", &beginning),
        ("events, an origin", &origin),
        ("events, a deal of an origin", &object),
        ("events, an origin's retried ones", &retried),
        ("events, an origin, none there", &nothing),
        ("events, the last hour", &hour),
        ("events, until yesterday", &yesterday),
        ("events, the latest", &Question::default()),
    ];
    for (name, question) in questions {
        slowest(name, async || drop(setting.records.history(question, 50).await.unwrap())).await;
    }
    let jobs = Jobs::new(setting.records.clone());
    let of = |question: Question| Scope::Events { question, force: false };
    let origin_hour = of(Question { origin: Some(Origin::hubspot(1007)), ..hour.clone() });
    slowest("plan of a replay, origin's hour", async || {
        jobs.plan(&origin_hour, i64::MAX).await.unwrap();
    })
    .await;
    let hour = of(hour);
    slowest("plan of a replay, an hour", async || {
        jobs.plan(&hour, i64::MAX).await.unwrap();
    })
    .await;
    let day = of(Question { since_ms: Some(now_ms - DAY_MS), ..Question::default() });
    let started = Instant::now();
    let plan = jobs.plan(&day, i64::MAX).await.unwrap();
    println!("plan of a replay, a day: {} events, {:?}", plan.count, started.elapsed());
}
