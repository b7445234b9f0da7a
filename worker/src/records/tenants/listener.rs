//! Who hears of changes at once, where the database tells of them.

use sqlx::postgres::{PgListener, PgPoolOptions};

use crate::records::database::Database;
use crate::records::handle::Records;

/// What a change is told on, with the schema that it is in.
pub(super) const CHANNEL: &str = "hubline_tenants";

/// A connection of its own, on which PostgreSQL tells of changes.
#[derive(Debug)]
pub(crate) struct TenantsListener {
    listener: PgListener,
    schema: String,
}

impl Records {
    /// Listens from now on; `None` if nothing can be heard here.
    pub(crate) async fn listen_to_tenants(&self) -> Option<TenantsListener> {
        let Ok(Database::Postgres(pools)) = self.ready().await else { return None };
        let options = pools.writing.connect_options().as_ref().clone();
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
        let listening = async {
            let schema = sqlx::query_scalar("SELECT current_schema()").fetch_one(&pools.writing);
            let schema = schema.await?;
            let mut listener = PgListener::connect_with(&pool).await?;
            listener.listen(CHANNEL).await?;
            Ok::<_, sqlx::Error>(TenantsListener { listener, schema })
        };
        // Changes are looked for now and then all the same.
        listening
            .await
            .inspect_err(|error| tracing::debug!(%error, "cannot listen to changes of tenants"))
            .ok()
    }
}

impl TenantsListener {
    /// Until there is a change; an error once nothing can be heard any more.
    pub(crate) async fn heard(&mut self) -> Result<(), sqlx::Error> {
        loop {
            // Nothing: the connection was lost and is back, and something may have been missed.
            match self.listener.try_recv().await? {
                Some(told) if told.payload() != self.schema => {}
                Some(_) | None => return Ok(()),
            }
        }
    }
}
