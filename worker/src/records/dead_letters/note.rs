//! What people write about a problem.

use super::{DeadLetters, audit};
use crate::records::database::on_transaction;

/// The longest note, in bytes.
pub(crate) const MAX_BYTES: usize = 2000;

impl DeadLetters {
    /// Writes a note on the problem with this fingerprint, or takes it away; false if there is no
    /// such problem.
    pub async fn note(
        &self,
        fingerprint: &str,
        note: Option<&str>,
        who: &str,
    ) -> anyhow::Result<bool> {
        if let Some(note) = note {
            anyhow::ensure!(note.len() <= MAX_BYTES, "a note has at most {MAX_BYTES} bytes");
        }
        let note = note.map(|note| note.replace('\0', "\u{fffd}"));
        let database = self.records.ready().await?;
        let mut transaction = database.transaction().await?;
        let written = on_transaction!(&mut transaction, connection => {
            sqlx::query("UPDATE problem SET note = $1 WHERE fingerprint = $2")
                .bind(&note)
                .bind(fingerprint)
                .execute(connection)
                .await?
                .rows_affected()
        });
        if written == 0 {
            return Ok(false);
        }
        let filter = format!("fingerprint={fingerprint}");
        audit::note(&mut transaction, who, "note", &filter, written).await?;
        transaction.commit().await?;
        Ok(true)
    }
}
