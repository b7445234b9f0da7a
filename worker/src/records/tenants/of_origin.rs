//! The tenant of an origin, as installs make it, and as their end leaves it.

use serde_json::json;
use shared::origin::Origin;

use super::change::{Conflict, Edit, raise};
use super::section::{Section, SectionState};
use crate::records::database::{Transaction, on_transaction};
use crate::records::dead_letters::audit;
use crate::records::handle::Records;
use crate::tenants::SectionKind;

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
pub(in crate::records) async fn uninstalled(
    transaction: &mut Transaction,
    origin: &Origin,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    // As it stands in the text of a JSON object: within another text its quotes would be escaped.
    let has_origin = format!("%\"origin\":\"{origin}\"%");
    // First, as who edits them does: else the two would wait for one another.
    raise(transaction).await?;
    let turned = on_transaction!(&mut *transaction, connection => {
        sqlx::query(
            "UPDATE tenant_section SET state = 'uninstalled', state_ms = $2, state_by = $3 \
             WHERE kind = 'tenant' AND state = 'active' AND body LIKE $1",
        )
        .bind(has_origin)
        .bind(now_ms)
        .bind(audit::OWN_NAME)
        .execute(connection)
        .await?
        .rows_affected()
    });
    if turned > 0 {
        let about = format!("tenant={origin}");
        audit::note(transaction, audit::OWN_NAME, "uninstall", &about, turned).await?;
    }
    Ok(())
}

fn is_of(section: &Section, origin: &Origin) -> bool {
    let body: serde_json::Value = serde_json::from_str(&section.body).unwrap_or_default();
    section.kind == SectionKind::Tenant && body["origin"] == origin.to_string()
}

/// `hubspot-62515`.
fn name_of(origin: &Origin) -> String {
    origin.to_string().replace('/', "-")
}
