//! compose/setup.sh, run as it stands into folders of a test's own; and who gets what from it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use shared::testing::prefix;

use crate::file::{path, service, services, text};

/// What setup has made, for one test; gone when dropped.
pub(crate) struct Secrets {
    directory: PathBuf,
    /// Of hubline.env.
    settings: Vec<(&'static str, &'static str)>,
}

impl Secrets {
    /// With the operator's own, by name.
    pub(crate) fn made(given: &[(&str, &str)]) -> Self {
        Self::made_with(given, Vec::new())
    }

    /// The same where hubline.env says something that setup asks for.
    fn made_with(given: &[(&str, &str)], settings: Vec<(&'static str, &'static str)>) -> Self {
        let directory = std::env::temp_dir().join(format!("hubline-compose-{}", prefix()));
        let secrets = Self { directory, settings };
        for folder in ["given", "kept", "templates"] {
            std::fs::create_dir_all(secrets.directory.join(folder)).unwrap();
        }
        for volume in service("setup").texts("volumes") {
            let parts: Vec<&str> = volume.split(':').collect();
            if let Some(name) = parts[1].strip_prefix("/templates/") {
                std::fs::copy(path(parts[0]), secrets.directory.join("templates").join(name))
                    .unwrap();
            } else if let Some(name) = parts[1].strip_prefix("/out/") {
                std::fs::create_dir_all(secrets.directory.join("out").join(name)).unwrap();
            }
        }
        for (name, value) in given {
            secrets.give(name, value);
        }
        let output = secrets.setup(&[]);
        assert!(output.status.success(), "{output:?}");
        secrets
    }

    fn give(&self, name: &str, value: &str) {
        std::fs::write(self.directory.join("given").join(name), value).unwrap();
    }

    fn setup(&self, arguments: &[&str]) -> Output {
        let uid = Command::new("id").arg("-u").output().unwrap().stdout;
        let mut command = Command::new("sh");
        command.arg(path("compose/setup.sh")).args(arguments);
        command.env("SETUP_UID", String::from_utf8(uid).unwrap().trim());
        for (name, folder) in [
            ("SETUP_GIVEN", "given"),
            ("SETUP_KEPT", "kept"),
            ("SETUP_OUT", "out"),
            ("SETUP_TEMPLATES", "templates"),
        ] {
            command.env(name, self.directory.join(folder));
        }
        command.env_remove("HUBSPOT_CLIENT_ID").envs(self.settings.iter().copied());
        command.output().unwrap()
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The folder that `service` sees as `/run/secrets`.
    pub(crate) fn of(&self, service: &str) -> PathBuf {
        let volume = crate::file::service(service).secrets().unwrap();
        self.directory.join("out").join(volume.strip_prefix("secrets-").unwrap())
    }

    pub(crate) fn read(&self, service: &str, name: &str) -> String {
        let file = self.of(service).join(name);
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    fn names(&self, service: &str) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.of(service)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

const OAUTH: (&str, &str) = ("HUBSPOT_CLIENT_ID", "0a1b2c3d");

const GIVEN: [(&str, &str); 9] = [
    ("hubspot-client-secret", "the-apps-own\n"),
    ("hubspot-client-secret-previous", "before"),
    ("hubspot-access-token", "pat-na1-1"),
    ("slack-bot-token", "xoxb-1"),
    ("erp-api-key", "erp-1"),
    ("otlp-headers", "a=b"),
    ("forward-proxy", "http://hubline:word@proxy.corp.example:3128"),
    ("console-tenant-tokens", "hubspot/62515 viewer 0123456789abcdef\n"),
    ("alertmanager-slack-url", "https://hooks.example.com/1"),
];

#[test]
fn each_service_gets_what_it_needs_and_nothing_else() {
    let secrets = Secrets::made(&GIVEN);
    for (service, expected) in [
        ("receiver", "amqp-url hubspot-client-secret hubspot-client-secret-previous otlp-headers"),
        (
            "worker",
            "amqp-url database-url erp-api-key forward-proxy hubspot-access-token otlp-headers redis-url \
             slack-bot-token",
        ),
        (
            "console",
            "amqp-url console-tenant-tokens console-token console-viewer-token database-url otlp-headers \
             slack-bot-token",
        ),
        ("rabbitmq", "definitions.json"),
        ("redis", "redis-health users.acl"),
        ("postgres", "database postgres"),
        ("grafana", "grafana-password"),
        ("alertmanager", "alertmanager-slack-url alertmanager.yml"),
    ] {
        assert_eq!(secrets.names(service), expected.split(' ').map(str::to_owned).collect());
    }
    assert_eq!(secrets.read("receiver", "hubspot-client-secret"), "the-apps-own");
    assert!(secrets.read("alertmanager", "alertmanager.yml").contains("api_url_file"));
}

#[test]
fn what_oauth_needs_is_handed_out_where_there_is_oauth() {
    let needed: BTreeSet<_> = ["hubspot-client-secret", "secrets-key"].map(str::to_owned).into();
    let mut secrets = Secrets::made(&GIVEN);
    assert!(!secrets.directory.join("kept/secrets-key").exists(), "nothing is sealed");
    secrets.settings.push(OAUTH);
    assert!(secrets.setup(&[]).status.success());
    for service in ["worker", "console"] {
        assert!(secrets.names(service).is_superset(&needed), "{service}");
    }
    let key = secrets.read("worker", "secrets-key");
    assert_eq!((key.len(), secrets.read("console", "secrets-key")), (44, key.clone()));
    assert!(!secrets.names("receiver").contains("secrets-key"));
    // Without it again nobody has them, and the key is there for the next time.
    secrets.settings.clear();
    assert!(secrets.setup(&[]).status.success());
    for service in ["worker", "console"] {
        assert!(secrets.names(service).is_disjoint(&needed), "{service}");
    }
    assert!(secrets.names("receiver").contains("hubspot-client-secret"));
    secrets.settings.push(OAUTH);
    assert!(secrets.setup(&[]).status.success());
    assert_eq!(secrets.read("worker", "secrets-key"), key);
}

#[test]
fn setup_reads_whether_there_is_oauth_where_the_programs_do() {
    assert_eq!(service("setup")["env_file"], service("worker")["env_file"]);
    assert!(text("compose/hubline.env.example").contains("#HUBSPOT_CLIENT_ID="));
}

#[test]
fn every_file_that_a_service_is_told_of_is_handed_to_it() {
    let secrets = Secrets::made(&[]);
    for service in services() {
        let named = service.environment().into_iter().filter(|(name, _)| name.ends_with("_FILE"));
        for (name, file) in named {
            if let Some(file) = file.strip_prefix("/etc/hubline/") {
                // No secret, and there for whoever has none of their own.
                assert!(!text(&format!("compose/{file}")).is_empty(), "{}: {name}", service.name);
                continue;
            }
            let file = file.strip_prefix("/run/secrets/").unwrap_or_else(|| panic!("{name}"));
            assert!(!secrets.read(&service.name, file).is_empty(), "{}: {name}", service.name);
        }
    }
    // What hubline.env may name besides.
    let secrets = Secrets::made_with(&GIVEN, vec![OAUTH]);
    for line in text("compose/hubline.env.example").lines() {
        let Some((name, file)) = line.trim_start_matches('#').split_once("=/run/secrets/") else {
            continue;
        };
        let owner = match name {
            name if name.contains("CLIENT_SECRET") => "receiver",
            name if name.starts_with("CONSOLE_") => "console",
            _ => "worker",
        };
        assert!(secrets.names(owner).contains(file), "{line}");
    }
}

#[test]
fn the_console_shows_the_tenants_that_workers_have_and_none_of_their_secrets() {
    let (worker, console) = (service("worker"), service("console"));
    let file = |service: &crate::file::Service| service.environment().get("TENANTS_FILE").cloned();
    assert_eq!(file(&worker), file(&console));
    let tenants = |service: &crate::file::Service| -> Vec<String> {
        let volumes = service.texts("volumes").into_iter();
        volumes.filter(|volume| volume.contains(":/etc/hubline/tenants")).collect()
    };
    assert_eq!(tenants(&console), tenants(&worker)[..1]);
    assert_eq!(tenants(&worker).len(), 2);
    assert!(tenants(&worker).iter().all(|volume| volume.ends_with(":ro")));
    // None is where the console sees it.
    let secrets = &worker.environment()["TENANT_SECRETS_DIR"];
    assert!(!secrets.starts_with("/etc/hubline/tenants/"), "{secrets}");
    assert!(tenants(&worker)[1].contains(&format!(":{secrets}:")));
}

#[test]
fn no_secret_is_in_an_environment_and_only_setup_has_all_of_them() {
    for service in services() {
        for (name, value) in service.environment() {
            let is_secret =
                ["SECRET", "TOKEN", "PASSWORD", "_KEY", "AMQP_URL", "REDIS_URL", "DATABASE_URL"]
                    .iter()
                    .any(|word| name.contains(word));
            let is_place = name.ends_with("_FILE") || name.ends_with("_DIR");
            assert!(!is_secret || is_place, "{}: {name}", service.name);
            // Of an address with a password in it; a node has one in its name.
            let is_address = value.contains('@') && value != "rabbit@localhost";
            assert!(!is_address, "{}: {name}", service.name);
        }
        let volumes = service.texts("volumes");
        let mounted = volumes.iter().filter(|volume| volume.starts_with("secrets")).count();
        let expected =
            if service.name == "setup" { 10 } else { usize::from(service.secrets().is_some()) };
        assert_eq!(mounted, expected, "{}", service.name);
    }
}

#[test]
fn what_was_made_once_stays_and_what_is_given_later_takes_its_place() {
    let secrets = Secrets::made(&[]);
    let before: Vec<String> =
        ["receiver", "worker", "console"].map(|name| secrets.read(name, "amqp-url")).into();
    assert!(before[0].starts_with("amqp://hubline-receiver:"), "{before:?}");
    let made = secrets.read("receiver", "hubspot-client-secret");
    assert_eq!(made.len(), 48);
    let shown = secrets.setup(&["show", "hubspot-client-secret"]).stdout;
    assert_eq!(String::from_utf8(shown).unwrap().trim(), made);
    assert!(!secrets.setup(&["show", "nothing"]).status.success());
    assert!(!secrets.read("alertmanager", "alertmanager.yml").contains("api_url_file"));

    secrets.give("hubspot-client-secret", "the-apps-own\n");
    secrets.give("slack-bot-token", "xoxb-1\n");
    assert!(secrets.setup(&[]).status.success());
    assert_eq!(secrets.read("receiver", "hubspot-client-secret"), "the-apps-own");
    assert_eq!(secrets.read("worker", "slack-bot-token"), "xoxb-1");
    let after: Vec<String> =
        ["receiver", "worker", "console"].map(|name| secrets.read(name, "amqp-url")).into();
    assert_eq!(before, after);

    std::fs::remove_file(secrets.directory.join("given/slack-bot-token")).unwrap();
    assert!(secrets.setup(&[]).status.success());
    assert!(!secrets.names("worker").contains("slack-bot-token"));

    secrets.give("amqp-worker", "a b@c");
    let refused = secrets.setup(&[]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("secrets/amqp-worker"), "{said}");
    assert!(!said.contains("a b@c"), "{said}");
}

#[test]
fn two_installations_have_nothing_in_common() {
    let (one, other) = (Secrets::made(&[]), Secrets::made(&[]));
    for service in services() {
        let Some(volume) = service.secrets() else { continue };
        if volume == "secrets-alertmanager" {
            continue; // without an address of Slack's it has a configuration and no secret
        }
        for name in one.names(&service.name) {
            let (one, other) = (one.read(&service.name, &name), other.read(&service.name, &name));
            assert_ne!(one, other, "{}: {name}", service.name);
        }
    }
}
