//! The tenant of an origin, as installs make it, and as their end leaves it.

use serde_json::json;
use shared::origin::Origin;

use super::change::{Conflict, Edit, raise};
use super::section::{Section, SectionState};
use crate::records::database::{Transaction, on_transaction};
use crate::records::dead_letters::audit;
use crate::records::handle::Records;
use crate::tenants::{MAX_TENANTS, SectionKind};

/// Somebody else may change them at the same moment, and again.
const TRIES: usize = 5;

impl Records {
    /// The tenant of a portal that has installed the app, by its name: it is made if there is none, and one that
    /// had uninstalled it goes on.
    pub(crate) async fn tenant_installed(&self, origin: &Origin) -> anyhow::Result<String> {
        let mut tries = 0;
        loop {
            let sections = self.tenant_sections().await?;
            let found = sections.there().find(|section| is_of(section, origin));
            let (kind, name) = (
                SectionKind::Tenant,
                found.map_or_else(|| name_of(origin), |section| section.name.clone()),
            );
            let edit = match found.map(|section| section.state) {
                None => {
                    // Nobody's section is written over, and none is one too many for all.
                    let is_taken = |section: &Section| section.kind == kind && section.name == name;
                    let tenants = sections.there().filter(|section| section.kind == kind).count();
                    anyhow::ensure!(
                        !sections.there().any(is_taken) && tenants < MAX_TENANTS,
                        "the tenant {name} cannot be made: its name is another one's, or there are too many"
                    );
                    let body = json!({ "origin": origin.to_string() });
                    Edit::Write { kind, name: name.clone(), body: body.to_string() }
                }
                Some(SectionState::Uninstalled) => {
                    Edit::Turn { kind, name: name.clone(), state: SectionState::Active }
                }
                Some(_) => return Ok(name),
            };
            tries += 1;
            match self.edit_tenants(sections.version, &[edit], audit::OWN_NAME).await {
                Err(error) if error.is::<Conflict>() && tries < TRIES => {}
                done => return done.map(|()| name),
            }
        }
    }
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
    // As it stands in the text of a JSON object: within another text its quotes would be escaped.
    let has_origin = format!("%\"origin\":\"{origin}\"%");
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

fn is_of(section: &Section, origin: &Origin) -> bool {
    let body: serde_json::Value = serde_json::from_str(&section.body).unwrap_or_default();
    section.kind == SectionKind::Tenant && body["origin"] == origin.to_string()
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

    use super::*;

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
        assert_eq!(records.tenant_installed(&other).await.unwrap(), "hubspot-62515");
        assert_eq!(records.tenant_installed(&one).await.unwrap(), "hubspot-6");
        let version = records.tenants_version().await.unwrap();
        assert_eq!(records.tenant_installed(&one).await.unwrap(), "hubspot-6");
        assert_eq!(records.tenants_version().await.unwrap(), version, "nothing is new");

        end(&records, &one).await;
        let state = |one: SectionState, other: SectionState| {
            [("hubspot-6".to_owned(), one), ("hubspot-62515".to_owned(), other)]
        };
        let (active, gone) = (SectionState::Active, SectionState::Uninstalled);
        assert_eq!(states(&records).await, state(gone, active));
        assert!(records.tenants_version().await.unwrap() > version, "workers hear of it");
        assert_eq!(records.tenant_installed(&one).await.unwrap(), "hubspot-6");
        assert_eq!(states(&records).await, state(active, active));

        // What people have paused stays so.
        let (kind, name) = (SectionKind::Tenant, "hubspot-6".to_owned());
        let pause = Edit::Turn { kind, name, state: SectionState::Paused };
        let version = records.tenants_version().await.unwrap();
        records.edit_tenants(version, &[pause], "ann").await.unwrap();
        end(&records, &one).await;
        records.tenant_installed(&one).await.unwrap();
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
