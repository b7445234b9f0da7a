//! A file that is applied to a database, with secrets that are made for its destinations.

use std::process::Output;

use data_encoding::{BASE64, HEXLOWER};
use secrecy::SecretString;
use shared::testing::{DatabaseEngine, TestDatabase};
use tokio::process::Command;

use crate::harness::{Engine, Rig};
use crate::tenants::endpoint::Endpoint;
use crate::tenants::file::File;
use crate::tenants::listed;

/// A key as `SECRETS_KEY` wants it.
pub(super) fn key(byte: u8) -> String {
    BASE64.encode(&[byte; 32])
}

/// A file that is applied to a database, and the keys that commands seal with.
pub(super) struct Applied {
    pub(super) file: File,
    pub(super) database: TestDatabase,
    allowed: String,
    pub(super) keys: String,
}

impl Applied {
    pub(super) async fn of(database: DatabaseEngine, text: &str, endpoints: &[&Endpoint]) -> Self {
        let allowed: Vec<_> = endpoints.iter().map(|endpoint| endpoint.address).collect();
        Self {
            file: File::of(text),
            database: TestDatabase::new(database).await,
            allowed: listed(&allowed),
            keys: key(1),
        }
    }

    /// `worker tenants …` on this database.
    pub(super) async fn tenants(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
        command.arg("tenants").args(arguments).env_clear();
        command.env("DATABASE_URL", self.database.url());
        command.env("TENANT_SECRETS_DIR", self.file.directory());
        command.env("DESTINATION_ALLOW", &self.allowed);
        command.env("SECRETS_KEY", &self.keys);
        command.kill_on_drop(true).output().await.unwrap()
    }

    /// What it says on standard output, once it is done.
    pub(super) async fn done(&self, arguments: &[&str]) -> String {
        let output = self.tenants(arguments).await;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// What it complains of, which is not done.
    pub(super) async fn refused(&self, arguments: &[&str]) -> String {
        let output = self.tenants(arguments).await;
        assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    pub(super) async fn apply(&self, flags: &[&str]) -> Output {
        let path = self.file.path().display().to_string();
        let output = self.tenants(&[&["apply", &path, "--by", "ann"], flags].concat()).await;
        assert!(output.status.success(), "{output:?}");
        output
    }

    pub(super) async fn secret(&self, destination: &str) -> String {
        self.done(&["secret", destination, "--by", "ann"]).await
    }

    pub(super) async fn rotate(&self, destination: &str, overlap: &str) -> String {
        self.done(&["rotate", destination, "--overlap", overlap, "--by", "bob"]).await
    }

    /// A rig whose workers take their tenants from there.
    pub(super) async fn rig(&self, engine: Engine, keys: Option<&str>) -> Rig {
        let mut rig = Rig::on(engine, &[]).await;
        rig.settings.records.database_url = Some(SecretString::from(self.database.url()));
        let processing = &mut rig.settings.processing;
        processing.app.secrets_key.secrets_key =
            keys.map(|keys| SecretString::from(keys.to_owned()));
        let tenants = &mut processing.tenants;
        tenants.tenants_in_database = true;
        self.file.directory().clone_into(&mut tenants.tenant_secrets_dir);
        tenants.destination_allow.clone_from(&self.allowed);
        rig
    }

    /// How many rows hold the secret, plain or as the bytes that it spells.
    pub(super) async fn with_plain(&self, secret: &str) -> i64 {
        let is_postgres = self.database.url().starts_with("postgres");
        let hex = |column| {
            if is_postgres {
                format!("encode({column}, 'hex')")
            } else {
                format!("lower(hex({column}))")
            }
        };
        let mut count = 0;
        let bytes = BASE64.decode(secret.trim_start_matches("whsec_").as_bytes());
        for plain in [secret.as_bytes().to_vec(), bytes.unwrap_or_else(|_| secret.into())] {
            let like = format!("LIKE '%{}%'", HEXLOWER.encode(&plain));
            let select = format!(
                "SELECT count(*) FROM destination_secret WHERE {} {like} OR coalesce({}, '') {like}",
                hex("secret"),
                hex("previous")
            );
            count += self.database.number(&select).await;
        }
        for column in ["audit WHERE filter", "audit WHERE action", "tenant_section WHERE body"] {
            let select = format!("SELECT count(*) FROM {column} LIKE '%{secret}%'");
            count += self.database.number(&select).await;
        }
        count
    }
}
