//! What every change of sections is made of: the version that it raises, and a section as it is written.

use shared::clock::now_ms;

use super::listener::CHANNEL;
use crate::records::database::{Transaction, on_transaction};
use crate::tenants::SectionKind;

/// The next version, whatever the last one is.
pub(super) async fn raise(transaction: &mut Transaction) -> Result<(), sqlx::Error> {
    on_transaction!(&mut *transaction, connection => {
        sqlx::query("UPDATE tenant_version SET version = version + 1").execute(connection).await?;
    });
    tell(transaction).await
}

/// Tells whoever listens, once this is committed.
pub(super) async fn tell(transaction: &mut Transaction) -> Result<(), sqlx::Error> {
    if let Transaction::Postgres(transaction) = transaction {
        sqlx::query("SELECT pg_notify($1, current_schema())")
            .bind(CHANNEL)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// Waits for whoever changes them, and keeps others from it.
pub(super) async fn lock(transaction: &mut Transaction) -> Result<(), sqlx::Error> {
    // On SQLite one writes at a time.
    if let Transaction::Postgres(transaction) = transaction {
        let locking = "SELECT version FROM tenant_version FOR UPDATE";
        sqlx::query(locking).fetch_all(&mut **transaction).await?;
    }
    Ok(())
}

pub(super) async fn write_section(
    transaction: &mut Transaction,
    (kind, name): (SectionKind, &str),
    body: &str,
    who: &str,
) -> Result<(), sqlx::Error> {
    on_transaction!(transaction, connection => {
        sqlx::query(
            "INSERT INTO tenant_section \
             (kind, name, body, state, state_ms, state_by, changed_ms, changed_by) \
             VALUES ($1, $2, $3, 'active', $4, $5, $4, $5) \
             ON CONFLICT (kind, name) DO UPDATE SET \
             body = excluded.body, changed_ms = excluded.changed_ms, \
             changed_by = excluded.changed_by, \
             state = CASE WHEN tenant_section.state IN ('deleted', 'dropped') \
             THEN 'active' ELSE tenant_section.state END",
        )
        .bind(kind.as_str())
        .bind(name)
        .bind(body)
        .bind(now_ms())
        .bind(who)
        .execute(connection)
        .await?;
    });
    Ok(())
}
