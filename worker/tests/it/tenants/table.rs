//! A table of a tenant's in PostgreSQL: a schema of the test's own, and a user who may do there what the
//! documentation says, and nothing else.

use shared::testing::{DatabaseEngine, Proxy, TestDatabase, database_url};

/// The user's password. It is nowhere else.
pub(super) const PASSWORD: &str = "p4ssw0rd-of-a-table";

/// The documentation's, without its schema.
const TABLE: &str = include_str!("../../../../docs/tenants.md");

/// Its schema and its user have one name; both go with [`Table::end`].
pub(super) struct Table {
    database: TestDatabase,
    name: String,
}

impl Table {
    /// With the table `events`, as it is documented.
    pub(super) async fn new() -> Self {
        let database = TestDatabase::new(DatabaseEngine::Postgres).await;
        let name = database.url().rsplit_once("%3D").unwrap().1.to_owned();
        let documented = TABLE.split("```sql\n").nth(1).unwrap().split("```").next().unwrap();
        assert!(documented.contains("CREATE SCHEMA hubspot;"), "{documented}");
        let statements = documented
            .replace("CREATE SCHEMA hubspot;", "")
            .replace("hubspot.", &format!("{name}."))
            .replace("SCHEMA hubspot", &format!("SCHEMA {name}"))
            .replace("hubline_writer", &name)
            .replace("PASSWORD '…'", &format!("PASSWORD '{PASSWORD}'"));
        database.run(&statements).await;
        Self { database, name }
    }

    /// `t0123.events`, as a destination has it.
    pub(super) fn name(&self, table: &str) -> String {
        format!("{}.{table}", self.name)
    }

    /// The user's URL, by way of a proxy if there is one.
    pub(super) fn url(&self, proxy: Option<&Proxy>) -> String {
        let url = database_url();
        let url = proxy.map_or_else(|| url.clone(), |proxy| proxy.url(&url));
        let (_, rest) = url.split_once('@').unwrap();
        format!("postgres://{}:{PASSWORD}@{rest}?sslmode=disable", self.name)
    }

    /// Runs statements as its owner.
    pub(super) async fn run(&self, statements: &str) {
        self.database.run(statements).await;
    }

    /// The one number that a query of the owner's gives.
    pub(super) async fn number(&self, query: &str) -> i64 {
        self.database.number(query).await
    }

    /// Waits until there are so many rows.
    pub(super) async fn wait(&self, rows: i64) {
        let there = async {
            while self.number("SELECT count(*) FROM events").await != rows {
                crate::harness::pause().await;
            }
        };
        crate::harness::within(&format!("{rows} rows"), there).await;
    }

    /// Closes its user's connections, as a server does that is told to.
    pub(super) async fn close_connections(&self) {
        let name = &self.name;
        let closed = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{name}'"
        );
        assert!(self.number(&closed).await >= 1);
    }

    /// Removes it.
    pub(super) async fn end(self) {
        let name = &self.name;
        self.run(&format!("DROP OWNED BY {name} CASCADE; DROP USER {name}")).await;
        self.database.end().await;
    }
}
