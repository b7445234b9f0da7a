//! The tenant of an origin, as installs make it, and as their end leaves it.

use serde_json::json;
use shared::clock::now_ms;
use shared::origin::Origin;

use super::section::SectionState;
use super::writing::{lock, raise, write_section};
use crate::records::database::{Transaction, on_transaction};
use crate::records::dead_letters::audit;
use crate::tenants::{MAX_TENANTS, SectionKind};

/// Why a portal that has installed the app gets no tenant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoTenant {
    #[error("the tenant {0} cannot be made: its name is another one's")]
    Taken(String),
    #[error("the tenant {0} cannot be made: there are as many as there may be")]
    TooMany(String),
}

/// The tenant of a portal that has installed the app, by its name: it is made if there is none, and one that had
/// uninstalled it goes on.
pub(in crate::records) async fn installed(
    transaction: &mut Transaction,
    origin: &Origin,
    now_ms: i64,
) -> Result<Result<String, NoTenant>, sqlx::Error> {
    reinstalled(transaction, origin, now_ms).await?;
    if let Some(tenant) = tenant_of(transaction, origin).await? {
        return Ok(Ok(tenant));
    }
    // From here on nobody else changes them; until here somebody may have.
    raise(transaction).await?;
    if let Some(tenant) = tenant_of(transaction, origin).await? {
        return Ok(Ok(tenant));
    }
    let name = name_of(origin);
    let (tenants, namesakes): (i64, i64) = on_transaction!(&mut *transaction, connection => {
        sqlx::query_as(
            "SELECT count(*), count(CASE WHEN name = $1 THEN 1 END) FROM tenant_section \
             WHERE kind = 'tenant' AND state NOT IN ('deleted', 'dropped')",
        )
        .bind(&name)
        .fetch_one(connection)
        .await?
    });
    // Nobody's section is written over, and none is one too many for all.
    if namesakes > 0 {
        return Ok(Err(NoTenant::Taken(name)));
    }
    if usize::try_from(tenants).is_ok_and(|tenants| tenants >= MAX_TENANTS) {
        return Ok(Err(NoTenant::TooMany(name)));
    }
    let (body, who) = (json!({ "origin": origin.to_string() }).to_string(), audit::OWN_NAME);
    let section = (SectionKind::Tenant, &*name);
    write_section(transaction, section, &body, who).await?;
    audit::note(transaction, who, "write tenants", &format!("tenant={name}"), 1).await?;
    Ok(Ok(name))
}

/// A tenant's section. Whether its portal has the app is that of the origin that it has now: the end of another
/// portal says nothing of this one.
pub(super) async fn write_tenant(
    transaction: &mut Transaction,
    name: &str,
    body: &str,
    who: &str,
) -> Result<(), sqlx::Error> {
    let before: Option<String> = on_transaction!(&mut *transaction, connection => {
        sqlx::query_scalar(
            "SELECT body FROM tenant_section WHERE kind = 'tenant' AND name = $1 \
             AND state NOT IN ('deleted', 'dropped')",
        )
        .bind(name)
        .fetch_optional(connection)
        .await?
    });
    write_section(transaction, (SectionKind::Tenant, name), body, who).await?;
    let origin = origin_in(body);
    if before.is_some_and(|before| origin_in(&before) == origin) {
        return Ok(());
    }
    let since_ms: Option<i64> = on_transaction!(&mut *transaction, connection => {
        sqlx::query_scalar("SELECT max(uninstalled_ms) FROM installation WHERE origin = $1")
            .bind(origin)
            .fetch_one(connection)
            .await?
    });
    let (state, since_ms, who) = match since_ms {
        Some(since_ms) => (SectionState::Uninstalled, since_ms, audit::OWN_NAME),
        None => (SectionState::Active, now_ms(), who),
    };
    on_transaction!(transaction, connection => {
        // What people have paused stays so.
        sqlx::query(
            "UPDATE tenant_section SET state = $1, state_ms = $2, state_by = $3 \
             WHERE kind = 'tenant' AND name = $4 AND (state <> $1 AND state IN ('active', 'uninstalled') \
             OR state = 'uninstalled' AND state_ms <> $2)",
        )
        .bind(state.as_str())
        .bind(since_ms)
        .bind(who)
        .bind(name)
        .execute(connection)
        .await?;
    });
    Ok(())
}

/// The origin that a tenant's body says, as it is written.
fn origin_in(body: &str) -> Option<String> {
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    Some(body.get("origin")?.as_str()?.to_owned())
}

/// The name of this origin's tenant, if there is one.
async fn tenant_of(
    transaction: &mut Transaction,
    origin: &Origin,
) -> Result<Option<String>, sqlx::Error> {
    let rows: Vec<(String, String)> = on_transaction!(&mut *transaction, connection => {
        sqlx::query_as(
            "SELECT name, body FROM tenant_section WHERE kind = 'tenant' \
             AND state NOT IN ('deleted', 'dropped') AND body LIKE $1 ORDER BY name",
        )
        .bind(has_origin(origin))
        .fetch_all(connection)
        .await?
    });
    let origin = Some(origin.to_string());
    Ok(rows.into_iter().find(|(_, body)| origin_in(body) == origin).map(|(name, _)| name))
}

/// What is for the tenant of this origin is held from now on, if there is one. What people have paused stays so.
/// Tells how many that are.
pub(in crate::records) async fn uninstalled(
    transaction: &mut Transaction,
    origin: &Origin,
    who: &str,
    now_ms: i64,
) -> Result<u64, sqlx::Error> {
    let (from, to) = (SectionState::Active, SectionState::Uninstalled);
    turn(transaction, origin, (from, to), who, now_ms).await
}

/// What was held since the portal was without the app goes on.
pub(in crate::records) async fn reinstalled(
    transaction: &mut Transaction,
    origin: &Origin,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let (from, to) = (SectionState::Uninstalled, SectionState::Active);
    turn(transaction, origin, (from, to), audit::OWN_NAME, now_ms).await.map(drop)
}

async fn turn(
    transaction: &mut Transaction,
    origin: &Origin,
    (from, to): (SectionState, SectionState),
    who: &str,
    now_ms: i64,
) -> Result<u64, sqlx::Error> {
    // A tenant that is being written for this origin is there then, as the one or the other.
    lock(transaction).await?;
    let has_origin = has_origin(origin);
    let there: i64 = on_transaction!(&mut *transaction, connection => {
        sqlx::query_scalar(
            "SELECT count(*) FROM tenant_section WHERE kind = 'tenant' AND state = $2 AND body LIKE $1",
        )
        .bind(&has_origin)
        .bind(from.as_str())
        .fetch_one(connection)
        .await?
    });
    if there == 0 {
        return Ok(0);
    }
    // Before the section, as who edits them does: else the two would wait for one another.
    raise(transaction).await?;
    let turned = on_transaction!(&mut *transaction, connection => {
        sqlx::query(
            "UPDATE tenant_section SET state = $3, state_ms = $4, state_by = $5 \
             WHERE kind = 'tenant' AND state = $2 AND body LIKE $1",
        )
        .bind(has_origin)
        .bind(from.as_str())
        .bind(to.as_str())
        .bind(now_ms)
        .bind(who)
        .execute(connection)
        .await?
        .rows_affected()
    });
    let action = if to == SectionState::Active { "resume" } else { "uninstall" };
    audit::note(transaction, who, action, &format!("tenant={origin}"), turned).await?;
    Ok(turned)
}

/// As it stands in the text of a JSON object: within another text its quotes would be escaped.
fn has_origin(origin: &Origin) -> String {
    format!("%\"origin\":\"{origin}\"%")
}

/// `hubspot-62515`.
fn name_of(origin: &Origin) -> String {
    origin.to_string().replace('/', "-")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use secrecy::SecretString;
    use shared::clock::now_ms;
    use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};

    use super::super::change::{Conflict, Edit};
    use super::*;
    use crate::records::{Given, PortalFacts, Records};

    async fn install(records: &Records, origin: &Origin) -> Result<String, NoTenant> {
        let given = Given { refresh_token: b"one", due_ms: 1_000, expires_ms: 2_000 };
        let facts = PortalFacts::default();
        records.install_tenant(origin, "client-1", given, &facts, 500).await.unwrap().1
    }

    async fn end(records: &Records, origin: &Origin) {
        let mut transaction = records.ready().await.unwrap().transaction().await.unwrap();
        uninstalled(&mut transaction, origin, audit::OWN_NAME, now_ms()).await.unwrap();
        transaction.commit().await.unwrap();
    }

    async fn states(records: &Records) -> Vec<(String, SectionState)> {
        let sections = records.tenant_sections().await.unwrap().sections;
        sections.into_iter().map(|section| (section.name, section.state)).collect()
    }

    async fn an_install_makes_a_tenant_and_its_end_holds_it_until_the_next(engine: DatabaseEngine) {
        let test = TestDatabase::new(engine).await;
        let records = Records::new(&SecretString::from(test.url())).unwrap();
        let (one, other) = (Origin::hubspot(6), Origin::hubspot(62515));
        assert_eq!(install(&records, &other).await.unwrap(), "hubspot-62515");
        assert_eq!(install(&records, &one).await.unwrap(), "hubspot-6");
        let version = records.tenants_version().await.unwrap();
        assert_eq!(install(&records, &one).await.unwrap(), "hubspot-6");
        assert_eq!(records.tenants_version().await.unwrap(), version, "nothing is new");

        end(&records, &one).await;
        let state = |one: SectionState, other: SectionState| {
            [("hubspot-6".to_owned(), one), ("hubspot-62515".to_owned(), other)]
        };
        let (active, gone) = (SectionState::Active, SectionState::Uninstalled);
        assert_eq!(states(&records).await, state(gone, active));
        assert!(records.tenants_version().await.unwrap() > version, "workers hear of it");
        assert_eq!(install(&records, &one).await.unwrap(), "hubspot-6");
        assert_eq!(states(&records).await, state(active, active));

        // What people have paused stays so.
        let (kind, name) = (SectionKind::Tenant, "hubspot-6".to_owned());
        let pause = Edit::Turn { kind, name, state: SectionState::Paused };
        let version = records.tenants_version().await.unwrap();
        records.edit_tenants(version, &[pause], "ann").await.unwrap();
        end(&records, &one).await;
        install(&records, &one).await.unwrap();
        assert_eq!(states(&records).await, state(SectionState::Paused, active));
        assert_eq!(test.number("SELECT count(*) FROM audit WHERE action = 'uninstall'").await, 1);
        records.close().await;
        test.end().await;
    }

    async fn of_two_changes_for_one_version_the_second_is_refused(engine: DatabaseEngine) {
        let test = TestDatabase::new(engine).await;
        let records = Records::new(&SecretString::from(test.url())).unwrap();
        let write = |name: &str| Edit::Write {
            kind: SectionKind::Tenant,
            name: name.to_owned(),
            body: "{}".to_owned(),
        };
        records.edit_tenants(0, &[write("one")], "ann").await.unwrap();
        let error = records.edit_tenants(0, &[write("other")], "bob").await.unwrap_err();
        assert!(error.is::<Conflict>(), "{error:#}");
        assert_eq!(test.number("SELECT count(*) FROM tenant_section").await, 1);
        assert_eq!(test.number("SELECT count(*) FROM audit").await, 1);
        records.close().await;
        test.end().await;
    }

    on_every_database! {
        an_install_makes_a_tenant_and_its_end_holds_it_until_the_next
        of_two_changes_for_one_version_the_second_is_refused
    }
}
