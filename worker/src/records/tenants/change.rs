//! A change of sections: all of it in one transaction, with its lines of the audit.

use std::collections::BTreeMap;

use shared::clock::now_ms;

use super::listener::CHANNEL;
use super::section::SectionState;
use crate::records::database::{Transaction, on_transaction};
use crate::records::dead_letters::audit;
use crate::records::handle::Records;
use crate::tenants::SectionKind;

/// What becomes of one section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// It has this body from now on. Whether it is paused stays; one that was gone is there again.
    Write { kind: SectionKind, name: String, body: String },
    /// It has this state from now on.
    Turn { kind: SectionKind, name: String, state: SectionState },
}

impl Edit {
    /// As the audit calls it.
    fn action(&self) -> &'static str {
        match self {
            Self::Write { .. } => "write tenants",
            Self::Turn { state: SectionState::Active, .. } => "resume",
            Self::Turn { state: SectionState::Paused, .. } => "pause",
            Self::Turn { state: SectionState::Uninstalled, .. } => "uninstall",
            Self::Turn { state: SectionState::Deleted | SectionState::Dropped, .. } => "delete",
        }
    }

    fn about(&self) -> String {
        let (Self::Write { kind, name, .. } | Self::Turn { kind, name, .. }) = self;
        format!("{kind}={name}")
    }
}

/// Somebody else has changed them since they were read, and nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tenants were changed by somebody else meanwhile, and nothing was written: look again")]
pub(crate) struct Conflict;

impl Records {
    /// Makes these changes, or none; `seen` is the version that they were made for. An error is a
    /// [`Conflict`] if that is no longer the one.
    pub(crate) async fn edit_tenants(
        &self,
        seen: i64,
        edits: &[Edit],
        who: &str,
    ) -> anyhow::Result<()> {
        let mut transaction = self.ready().await?.transaction().await?;
        if raised(&mut transaction, seen).await? == 0 {
            return Err(Conflict.into());
        }
        let mut done = BTreeMap::<_, Vec<_>>::new();
        for edit in edits {
            write(&mut transaction, edit, who).await?;
            done.entry(edit.action()).or_default().push(edit.about());
        }
        for (action, about) in done {
            let count = about.len() as u64;
            audit::note(&mut transaction, who, action, &about.join(" "), count).await?;
        }
        Ok(transaction.commit().await?)
    }
}

/// The next version, if `seen` is the last one. Others wait here until this is committed.
async fn raised(transaction: &mut Transaction, seen: i64) -> Result<u64, sqlx::Error> {
    let raised = on_transaction!(&mut *transaction, connection => {
        sqlx::query("UPDATE tenant_version SET version = version + 1 WHERE version = $1")
            .bind(seen)
            .execute(connection)
            .await?
            .rows_affected()
    });
    tell(transaction).await?;
    Ok(raised)
}

/// The next version, whatever the last one is.
pub(super) async fn raise(transaction: &mut Transaction) -> Result<(), sqlx::Error> {
    on_transaction!(&mut *transaction, connection => {
        sqlx::query("UPDATE tenant_version SET version = version + 1").execute(connection).await?;
    });
    tell(transaction).await
}

/// Tells whoever listens, once this is committed.
async fn tell(transaction: &mut Transaction) -> Result<(), sqlx::Error> {
    if let Transaction::Postgres(transaction) = transaction {
        sqlx::query("SELECT pg_notify($1, current_schema())")
            .bind(CHANNEL)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

async fn write(transaction: &mut Transaction, edit: &Edit, who: &str) -> Result<(), sqlx::Error> {
    let now = now_ms();
    on_transaction!(transaction, connection => match edit {
        Edit::Write { kind, name, body } => {
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
            .bind(now)
            .bind(who)
            .execute(connection)
            .await?;
        }
        Edit::Turn { kind, name, state } => {
            // A pause ends; that the portal is without the app does not.
            sqlx::query(
                "UPDATE tenant_section SET state_ms = $4, state_by = $5, \
                 state = CASE WHEN $3 = 'active' AND kind = 'tenant' AND EXISTS \
                 (SELECT 1 FROM installation WHERE installation.state = 'uninstalled' \
                 AND tenant_section.body LIKE '%\"origin\":\"' || installation.origin || '\"%') \
                 THEN 'uninstalled' ELSE $3 END WHERE kind = $1 AND name = $2",
            )
            .bind(kind.as_str())
            .bind(name)
            .bind(state.as_str())
            .bind(now)
            .bind(who)
            .execute(connection)
            .await?;
        }
    });
    Ok(())
}
