//! Keys of the records' own: random, made when they are first asked for, the same for every process
//! on one database. They are nowhere else, and nothing shows them.

use std::sync::Arc;

use super::database::{on_pool, on_transaction};
use super::handle::Records;
use super::key::{Key, Purpose};

impl Records {
    /// The key for this.
    pub(crate) async fn key(&self, purpose: Purpose) -> anyhow::Result<Arc<Key>> {
        let known = &self.keys[purpose as usize];
        known.get_or_try_init(async || self.ask_for(purpose).await.map(Arc::new)).await.cloned()
    }

    /// Gives `to` the keys that it has not made yet, so that problems and events are called there as
    /// here. That of sessions stays: it is not known there which of them were ended.
    pub(super) async fn carry_keys(&self, to: &Self) -> anyhow::Result<()> {
        let (from, to) = (self.ready().await?, to.ready().await?);
        let keys: Vec<(String, Vec<u8>)> = on_pool!(from, pool => {
            sqlx::query_as("SELECT name, key FROM secret WHERE name IN ($1, $2)")
                .bind(Purpose::Problems.name())
                .bind(Purpose::Aliases.name())
                .fetch_all(pool)
                .await?
        });
        for (name, key) in keys {
            on_pool!(to, pool => {
                sqlx::query("INSERT INTO secret (name, key) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
                    .bind(name)
                    .bind(key)
                    .execute(pool)
                    .await?;
            });
        }
        Ok(())
    }

    async fn ask_for(&self, purpose: Purpose) -> anyhow::Result<Key> {
        let (database, name) = (self.ready().await?, purpose.name());
        let select = "SELECT key FROM secret WHERE name = $1";
        let known: Option<Vec<u8>> = on_pool!(database, pool => {
            sqlx::query_scalar(select).bind(name).fetch_optional(pool).await?
        });
        if let Some(known) = known {
            return key(known);
        }
        // Whoever comes first makes it.
        let made: [u8; 32] = rand::random();
        let mut transaction = database.transaction().await?;
        let insert = "INSERT INTO secret (name, key) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
        let kept: Vec<u8> = on_transaction!(&mut transaction, connection => {
            sqlx::query(insert).bind(name).bind(&made[..]).execute(&mut *connection).await?;
            sqlx::query_scalar(select).bind(name).fetch_one(connection).await?
        });
        transaction.commit().await?;
        key(kept)
    }
}

fn key(bytes: Vec<u8>) -> anyhow::Result<Key> {
    let bytes = bytes.try_into();
    let bytes: [u8; 32] = bytes.map_err(|_| anyhow::anyhow!("a key of the records is damaged"))?;
    Ok(Key::new(Box::new(bytes)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use secrecy::SecretString;
    use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};

    use super::*;

    async fn the_key_of_sessions_is_not_carried(engine: DatabaseEngine) {
        let (here, there) = (TestDatabase::new(engine).await, TestDatabase::new(engine).await);
        let from = Records::new(&SecretString::from(here.url())).unwrap();
        let to = Records::new(&SecretString::from(there.url())).unwrap();
        for purpose in [Purpose::Sessions, Purpose::Problems, Purpose::Aliases] {
            from.key(purpose).await.unwrap();
        }
        from.carry_keys(&to).await.unwrap();
        assert_eq!(there.number("SELECT count(*) FROM secret").await, 2);
        let sessions = "SELECT count(*) FROM secret WHERE name = 'sessions'";
        assert_eq!(there.number(sessions).await, 0);
        from.close().await;
        to.close().await;
        here.end().await;
        there.end().await;
    }

    on_every_database! { the_key_of_sessions_is_not_carried }
}
