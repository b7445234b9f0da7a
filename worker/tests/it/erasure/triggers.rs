//! Databases that do something at the very moment in which a row comes in.

use shared::testing::{DatabaseEngine, TestDatabase};

/// Makes a tombstone of every contact that something is written about, in that very transaction:
/// as if it had come after the writer's look and before its commit.
pub(crate) async fn bury_on_insert(database: &TestDatabase, table: &str) {
    let statements = match database.engine() {
        DatabaseEngine::Postgres => format!(
            "CREATE FUNCTION bury() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             INSERT INTO erasure VALUES (NEW.origin, NEW.contact_id, 0, FALSE) \
             ON CONFLICT DO NOTHING; RETURN NULL; END $$; \
             CREATE TRIGGER bury AFTER INSERT ON {table} FOR EACH ROW \
             WHEN (NEW.contact_id IS NOT NULL AND NEW.origin = 'hubspot/62515') EXECUTE FUNCTION bury();"
        ),
        DatabaseEngine::Sqlite => format!(
            "CREATE TRIGGER bury AFTER INSERT ON {table} \
             WHEN NEW.contact_id IS NOT NULL AND NEW.origin = 'hubspot/62515' \
             BEGIN INSERT OR IGNORE INTO erasure \
             VALUES (NEW.origin, NEW.contact_id, 0, FALSE); END;"
        ),
    };
    database.run(&statements).await;
}

/// Refuses every row of the contact 42 of hubspot/62515 that comes in with content.
pub(crate) async fn refuse_content(database: &TestDatabase, table: &str) {
    let condition = "NEW.contact_id = 42 AND NEW.origin = 'hubspot/62515' \
        AND (NEW.body IS NOT NULL OR NEW.error <> '')";
    let statements = match database.engine() {
        DatabaseEngine::Postgres => format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'content'; END $$; \
             CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW \
             WHEN ({condition}) EXECUTE FUNCTION refuse();"
        ),
        DatabaseEngine::Sqlite => format!(
            "CREATE TRIGGER refuse BEFORE INSERT ON {table} WHEN {condition} \
             BEGIN SELECT raise(ABORT, 'content'); END;"
        ),
    };
    database.run(&statements).await;
}
