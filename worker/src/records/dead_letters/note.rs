//! What people write about a problem. Whoever writes says what they have read: nobody writes over a
//! note that they have not seen.

use sha2::{Digest as _, Sha256};
use sqlx::AssertSqlSafe;

use super::audit;
use super::handle::DeadLetters;
use crate::hex::hex;
use crate::records::database::on_transaction;

/// The longest note, in bytes.
pub(crate) const MAX_BYTES: usize = 2000;

/// What came of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It is written, or taken away.
    Written,
    /// Nothing was written: somebody has written this meanwhile, or taken it away.
    Changed(Option<String>),
    /// There is no such problem.
    Unknown,
}

impl DeadLetters {
    /// Writes a note on the problem with this fingerprint, or takes it away, if what stands there is
    /// still the [`version`] that was `read`.
    pub async fn note(
        &self,
        fingerprint: &str,
        read: &str,
        note: Option<&str>,
        who: &str,
    ) -> anyhow::Result<Noted> {
        if let Some(note) = note {
            anyhow::ensure!(note.len() <= MAX_BYTES, "a note has at most {MAX_BYTES} bytes");
        }
        let note = note.map(|note| note.replace('\0', "\u{fffd}"));
        let database = self.records.ready().await?;
        let mut transaction = database.transaction().await?;
        let select =
            format!("SELECT note FROM problem WHERE fingerprint = $1{}", transaction.locking());
        let found: Option<Option<String>> = on_transaction!(&mut transaction, connection => {
            sqlx::query_scalar(AssertSqlSafe(select))
                .bind(fingerprint)
                .fetch_optional(connection)
                .await?
        });
        let Some(there) = found else { return Ok(Noted::Unknown) };
        if version(there.as_deref()) != read {
            return Ok(Noted::Changed(there));
        }
        let written = on_transaction!(&mut transaction, connection => {
            sqlx::query("UPDATE problem SET note = $1 WHERE fingerprint = $2")
                .bind(&note)
                .bind(fingerprint)
                .execute(connection)
                .await?
                .rows_affected()
        });
        let filter = format!("fingerprint={fingerprint}");
        audit::note(&mut transaction, who, "note", &filter, written).await?;
        transaction.commit().await?;
        Ok(Noted::Written)
    }
}

/// What tells one note from another, and from none: pages do not show every note as it stands.
#[must_use]
pub fn version(note: Option<&str>) -> String {
    let note = note.filter(|note| !note.is_empty());
    note.map(|note| hex(&Sha256::digest(note))).unwrap_or_default()
}
