//! Destinations that have said themselves that they want nothing any more.
//!
//! Owns that they are paused for what stands there, and not for what somebody has written or resumed since.

use std::collections::HashMap;

use shared::clock::now_ms;

use super::section::{Section, SectionState};
use super::view::Sections;
use super::writing::raise;
use crate::records::database::on_transaction;
use crate::records::dead_letters::audit;
use crate::records::handle::Records;
use crate::tenants::SectionKind;

/// Since when a destination is as it is (ms since the Unix epoch): another one once it is written, paused or
/// resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stand {
    changed_ms: i64,
    state_ms: i64,
}

impl Section {
    /// Whether nobody has paused it but its own answer.
    pub(crate) fn has_refused(&self) -> bool {
        let is_ours = self.state == SectionState::Paused && self.state_by == audit::OWN_NAME;
        is_ours && self.kind == SectionKind::Destination
    }
}

impl Sections {
    /// How each destination stands.
    pub(crate) fn stands(&self) -> HashMap<String, Stand> {
        let those = self.there().filter(|section| section.kind == SectionKind::Destination);
        let stand = |section: &Section| {
            let Section { changed_ms, state_ms, .. } = *section;
            (section.name.clone(), Stand { changed_ms, state_ms })
        };
        those.map(stand).collect()
    }
}

impl Records {
    /// The destination is paused, if it still is as it stood when it was asked. Whether it was.
    pub(crate) async fn destination_refused(
        &self,
        name: &str,
        stood: Stand,
    ) -> anyhow::Result<bool> {
        let mut transaction = self.ready().await?.transaction().await?;
        // Before the section, as who edits them does: else the two would wait for one another.
        raise(&mut transaction).await?;
        let paused = on_transaction!(&mut transaction, connection => {
            sqlx::query(
                "UPDATE tenant_section SET state = 'paused', state_ms = $1, state_by = $2 \
                 WHERE kind = 'destination' AND name = $3 AND state = 'active' \
                 AND changed_ms = $4 AND state_ms = $5",
            )
            .bind(now_ms())
            .bind(audit::OWN_NAME)
            .bind(name)
            .bind(stood.changed_ms)
            .bind(stood.state_ms)
            .execute(connection)
            .await?
            .rows_affected()
        });
        if paused == 0 {
            return Ok(false);
        }
        let about = format!("destination={name}");
        audit::note(&mut transaction, audit::OWN_NAME, "pause", &about, 1).await?;
        transaction.commit().await?;
        Ok(true)
    }
}
