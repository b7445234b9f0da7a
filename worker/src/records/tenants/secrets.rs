//! Destinations' secrets that were made here, as they are kept: sealed.
//!
//! Owns that there is one for each destination, and the one before it. Refuses to seal or to open.

use std::fmt;

use shared::clock::now_ms;

use crate::records::database::{Transaction, on_reading, on_transaction};
use crate::records::dead_letters::audit;
use crate::records::handle::Records;
use crate::records::row::from_row;
use crate::tenants::SecretForm;

from_row! {
    /// A destination's secret, and the one before it.
    #[derive(Clone, PartialEq, Eq)]
    pub(crate) struct KeptSecret {
        pub(crate) destination: String,
        /// Whose the destination was when it was made; `None` if all shared it.
        pub(crate) tenant: Option<String>,
        pub(crate) form: SecretForm as String,
        pub(crate) sealed: Vec<u8> = "secret",
        pub(crate) made_ms: i64,
        pub(crate) made_by: String,
        pub(crate) previous: Option<Vec<u8>>,
        pub(crate) previous_until_ms: Option<i64>,
    }
}

/// Leaves out what is sealed.
impl fmt::Debug for KeptSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptSecret").field("destination", &self.destination).finish_non_exhaustive()
    }
}

impl KeptSecret {
    /// The one before it and until when it signs as well, if it still does.
    pub(crate) fn former(&self, now_ms: i64) -> Option<(&[u8], i64)> {
        let former = self.previous.as_deref().zip(self.previous_until_ms);
        former.filter(|(_, until_ms)| *until_ms > now_ms)
    }
}

/// A secret that is to be kept.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SealedSecret {
    pub(crate) destination: String,
    pub(crate) tenant: Option<String>,
    pub(crate) form: SecretForm,
    pub(crate) sealed: Vec<u8>,
}

/// Leaves out what is sealed.
impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedSecret")
            .field("destination", &self.destination)
            .finish_non_exhaustive()
    }
}

impl Records {
    /// All of them, by the destinations' names, byte by byte. Whoever reads the sections first finds the secrets of those that they then have.
    pub(crate) async fn kept_secrets(&self) -> anyhow::Result<Vec<KeptSecret>> {
        let database = self.ready().await?;
        Ok(on_reading!(database, pool => {
            sqlx::query_as(
                "SELECT destination, tenant, form, secret, made_ms, made_by, previous, previous_until_ms \
                 FROM destination_secret ORDER BY destination",
            )
            .fetch_all(pool)
            .await?
        }))
    }

    /// That somebody is shown a destination's secret. It is shown once this is written.
    pub(crate) async fn secret_shown(&self, destination: &str, who: &str) -> anyhow::Result<()> {
        let mut transaction = self.ready().await?.transaction().await?;
        let about = format!("destination={destination}");
        audit::note(&mut transaction, who, "show secret", &about, 1).await?;
        Ok(transaction.commit().await?)
    }
}

/// Keeps another secret. With a time the one before it signs as well until then; without, it is gone.
pub(super) async fn keep(
    transaction: &mut Transaction,
    secret: &SealedSecret,
    former_until_ms: Option<i64>,
    who: &str,
) -> Result<(), sqlx::Error> {
    let SealedSecret { destination, tenant, form, sealed } = secret;
    on_transaction!(transaction, connection => {
        sqlx::query(
            "INSERT INTO destination_secret (destination, tenant, form, secret, made_ms, made_by) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (destination) DO UPDATE SET \
             tenant = excluded.tenant, form = excluded.form, secret = excluded.secret, \
             made_ms = excluded.made_ms, made_by = excluded.made_by, previous_until_ms = $7, \
             previous = CASE WHEN CAST($7 AS BIGINT) IS NULL THEN NULL ELSE destination_secret.secret END",
        )
        .bind(destination)
        .bind(tenant.as_deref())
        .bind(form.as_str())
        .bind(sealed)
        .bind(now_ms())
        .bind(who)
        .bind(former_until_ms)
        .execute(connection)
        .await?;
    });
    Ok(())
}

/// Keeps the same secrets, sealed with another key.
pub(super) async fn reseal(
    transaction: &mut Transaction,
    destination: &str,
    sealed: &[u8],
    previous: Option<&[u8]>,
) -> Result<(), sqlx::Error> {
    on_transaction!(transaction, connection => {
        sqlx::query(
            "UPDATE destination_secret SET secret = $2, previous = $3 WHERE destination = $1",
        )
        .bind(destination)
        .bind(sealed)
        .bind(previous)
        .execute(connection)
        .await?;
    });
    Ok(())
}

/// Deletes a destination's secret, if there is one.
pub(super) async fn forget(
    transaction: &mut Transaction,
    destination: &str,
) -> Result<(), sqlx::Error> {
    on_transaction!(transaction, connection => {
        sqlx::query("DELETE FROM destination_secret WHERE destination = $1")
            .bind(destination)
            .execute(connection)
            .await?;
    });
    Ok(())
}
