//! A file that is applied to a database with `worker tenants`, and workers that take their tenants from there.

use std::process::Output;

use secrecy::SecretString;
use shared::testing::{DatabaseEngine, TestDatabase};
use tokio::process::Command;

use super::file::File;
use crate::harness::{Engine, Rig};

/// A file that is applied to a database, and the workers that take their tenants from there.
pub(super) struct Stored {
    pub(super) file: File,
    pub(super) database: TestDatabase,
    pub(super) rig: Rig,
}

impl Stored {
    pub(super) async fn of(engine: Engine, text: &str, allowed: &[std::net::SocketAddr]) -> Self {
        let file = File::of(text);
        let database = TestDatabase::new(DatabaseEngine::Postgres).await;
        let mut rig = Rig::on(engine, &[]).await;
        rig.settings.records.database_url = Some(SecretString::from(database.url()));
        let tenants = &mut rig.settings.processing.tenants;
        tenants.tenants_in_database = true;
        file.directory().clone_into(&mut tenants.tenant_secrets_dir);
        tenants.destination_allow = super::listed(allowed);
        Self { file, database, rig }
    }

    /// `worker tenants …` on this database.
    pub(super) async fn tenants(&self, arguments: &[&str]) -> Output {
        self.worker(&[&["tenants"], arguments].concat()).await
    }

    pub(super) async fn worker(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
        command.args(arguments).env_clear();
        command.env("DATABASE_URL", self.database.url());
        command.env("TENANT_SECRETS_DIR", self.file.directory());
        command.env("DESTINATION_ALLOW", &self.rig.settings.processing.tenants.destination_allow);
        command.kill_on_drop(true).output().await.unwrap()
    }

    /// The same, which is done.
    pub(super) async fn done(&self, arguments: &[&str]) -> String {
        let output = self.tenants(arguments).await;
        let said = said(&output);
        assert!(output.status.success(), "{said}");
        said
    }

    pub(super) async fn apply(&self, flags: &[&str]) -> String {
        let path = self.file.path().display().to_string();
        self.done(&[&["apply", &path], flags].concat()).await
    }

    pub(super) async fn end(self) {
        self.rig.finish().await;
        self.database.end().await;
    }
}

pub(super) fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    [text(&output.stdout), text(&output.stderr)].concat()
}
