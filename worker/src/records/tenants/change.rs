//! A change of sections: all of it in one transaction, with its lines of the audit.

use std::collections::BTreeMap;

use shared::clock::now_ms;

use super::of_origin;
use super::secrets::{self, SealedSecret};
use super::section::SectionState;
use super::writing::{tell, write_section};
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
    /// A destination has this secret from now on, and no other.
    Make(SealedSecret),
    /// The same, and the one before it signs as well until then, if there is a time (ms).
    Rotate(SealedSecret, Option<i64>),
    /// A destination's secret is sealed so, and the one before it.
    Reseal { destination: String, sealed: Vec<u8>, previous: Option<Vec<u8>> },
    /// A destination has no secret that was made here.
    Forget { destination: String },
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
            Self::Make(_) => "make secret",
            Self::Rotate(..) => "rotate secret",
            Self::Reseal { .. } => "reseal secret",
            Self::Forget { .. } => "delete secret",
        }
    }

    fn about(&self) -> String {
        let (kind, name) = match self {
            Self::Write { kind, name, .. } | Self::Turn { kind, name, .. } => (*kind, name),
            Self::Make(secret) | Self::Rotate(secret, _) => {
                (SectionKind::Destination, &secret.destination)
            }
            Self::Reseal { destination, .. } | Self::Forget { destination } => {
                (SectionKind::Destination, destination)
            }
        };
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
        lock_installations(&mut transaction, edits).await?;
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

/// Whoever is resumed may be installed again at the same moment: an install has its row first, and the version
/// then. So has a resume, or each would wait for the other.
async fn lock_installations(
    transaction: &mut Transaction,
    edits: &[Edit],
) -> Result<(), sqlx::Error> {
    // Elsewhere one writes at a time.
    let Transaction::Postgres(transaction) = transaction else { return Ok(()) };
    let resumed = edits.iter().filter_map(|edit| match edit {
        Edit::Turn { kind: SectionKind::Tenant, name, state: SectionState::Active } => Some(name),
        _ => None,
    });
    let resumed: Vec<&str> = resumed.map(String::as_str).collect();
    if resumed.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "SELECT 1 FROM installation WHERE EXISTS (SELECT 1 FROM tenant_section \
         WHERE kind = 'tenant' AND name = ANY($1) \
         AND body LIKE '%\"origin\":\"' || installation.origin || '\"%') \
         ORDER BY origin FOR UPDATE",
    )
    .bind(resumed)
    .execute(&mut **transaction)
    .await?;
    Ok(())
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

async fn write(transaction: &mut Transaction, edit: &Edit, who: &str) -> Result<(), sqlx::Error> {
    match edit {
        Edit::Write { kind: SectionKind::Tenant, name, body } => {
            of_origin::write_tenant(transaction, name, body, who).await
        }
        Edit::Write { kind, name, body } => {
            write_section(transaction, (*kind, name), body, who).await
        }
        Edit::Turn { kind, name, state } => {
            if *kind == SectionKind::Destination && !state.is_there() {
                secrets::forget(transaction, name).await?;
            }
            turn(transaction, (*kind, name), *state, who).await
        }
        Edit::Make(secret) => secrets::keep(transaction, secret, None, who).await,
        Edit::Rotate(secret, until_ms) => secrets::keep(transaction, secret, *until_ms, who).await,
        Edit::Reseal { destination, sealed, previous } => {
            secrets::reseal(transaction, destination, sealed, previous.as_deref()).await
        }
        Edit::Forget { destination } => secrets::forget(transaction, destination).await,
    }
}

async fn turn(
    transaction: &mut Transaction,
    (kind, name): (SectionKind, &str),
    state: SectionState,
    who: &str,
) -> Result<(), sqlx::Error> {
    on_transaction!(transaction, connection => {
        // A pause ends; that the portal is without the app does not, nor does what is held then begin anew.
        sqlx::query(
            "UPDATE tenant_section SET \
             state_by = CASE WHEN gone.since_ms IS NULL THEN $5 ELSE tenant_section.state_by END, \
             state = CASE WHEN gone.since_ms IS NULL THEN $3 ELSE 'uninstalled' END, \
             state_ms = coalesce(gone.since_ms, $4) \
             FROM (SELECT max(installation.uninstalled_ms) AS since_ms \
             FROM tenant_section AS section JOIN installation \
             ON section.body LIKE '%\"origin\":\"' || installation.origin || '\"%' \
             WHERE $3 = 'active' AND section.kind = 'tenant' \
             AND section.kind = $1 AND section.name = $2) AS gone \
             WHERE tenant_section.kind = $1 AND tenant_section.name = $2",
        )
        .bind(kind.as_str())
        .bind(name)
        .bind(state.as_str())
        .bind(now_ms())
        .bind(who)
        .execute(&mut *connection)
        .await?;
        if (kind, state) == (SectionKind::Tenant, SectionState::Active) {
            // Where its token was refused and is there yet it is tried again: if HubSpot takes it, so does this.
            sqlx::query(
                "UPDATE installation SET state = 'installed', due_ms = 0, leased_until_ms = 0 \
                 WHERE state = 'uninstalled' AND refresh_token IS NOT NULL AND EXISTS \
                 (SELECT 1 FROM tenant_section WHERE kind = 'tenant' AND name = $1 \
                 AND body LIKE '%\"origin\":\"' || installation.origin || '\"%')",
            )
            .bind(name)
            .execute(connection)
            .await?;
        }
    });
    Ok(())
}
