//! Hubline's programs as compose.yaml starts them: its command, its environment, with the addresses and
//! the folder of secrets that a test has instead.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::file::{Service, service};
use crate::secrets::Secrets;
use crate::servers::{Servers, ended_within, run};

/// Names the receiver's part in this binary; there only in a child.
pub(crate) const RECEIVER: &str = "HUBLINE_TEST_COMPOSE_RECEIVER";
/// The test that is also the receiver.
const RECEIVER_TEST: &str = "cluster::what_compose_starts_is_a_working_cluster";

/// How one service is run outside a container.
pub(crate) struct Place<'a> {
    pub(crate) secrets: &'a Secrets,
    service: Service,
    address: &'a str,
}

/// What is mounted there if `TENANTS_DIR` says nothing else.
const TENANTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../compose/tenants");

impl<'a> Place<'a> {
    /// `address`, of the loopback network, is this container's own.
    pub(crate) fn new(secrets: &'a Secrets, name: &str, address: &'a str) -> Self {
        Self { secrets, service: service(name), address }
    }

    /// Puts the servers' addresses into the files that name them.
    pub(crate) fn at(&self, servers: &Servers) {
        for (file, host, address) in [
            ("amqp-url", "rabbitmq:5672", servers.rabbitmq.server.address),
            ("redis-url", "redis:6379", servers.redis.address),
            ("database-url", "postgres:5432", servers.postgres.address),
        ] {
            let file = self.secrets.of(&self.service.name).join(file);
            let Ok(url) = std::fs::read_to_string(&file) else { continue };
            assert!(url.contains(&format!("@{host}/")), "{}", file.display());
            // Only its service may read it, and nobody write.
            std::fs::remove_file(&file).unwrap();
            std::fs::write(&file, url.replace(host, &address.to_string())).unwrap();
        }
    }

    /// The service's environment and nothing else.
    fn environment(&self, command: &mut Command) {
        command.env_clear();
        let folder = self.secrets.of(&self.service.name);
        for (name, value) in self.service.environment() {
            let mut value = value
                .replace("/run/secrets", folder.to_str().unwrap())
                .replace("/etc/hubline/tenants", TENANTS)
                .replace("0.0.0.0", self.address);
            // Here it is on one network, with one address.
            if name.ends_with("LISTEN")
                && let Some((_, port)) = value.split_once(':')
            {
                value = format!("{}:{port}", self.address);
            }
            command.env(name, value);
        }
    }

    /// One of Hubline's programs with these arguments.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command;
        if self.service["build"]["target"] == "receiver" {
            command = Command::new(std::env::current_exe().unwrap());
            command.args([RECEIVER_TEST, "--exact", "--nocapture"]);
            self.environment(&mut command);
            command.env(RECEIVER, arguments.join("\n"));
        } else {
            command = Command::new(env!("CARGO_BIN_EXE_worker"));
            command.args(arguments);
            self.environment(&mut command);
        }
        command
    }

    /// Starts it with its command of compose.yaml.
    pub(crate) fn start(&self) -> Program {
        let arguments = self.service.texts("command");
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let log = self.secrets.directory().join(format!("{}.log", self.service.name));
        let log = std::fs::File::create(&log).unwrap();
        let mut command = self.program(&arguments);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Program { child: command.spawn().unwrap(), grace: self.service.stop_grace() }
    }

    /// Its health check of compose.yaml: nothing, or why it is not well.
    pub(crate) fn health(&self) -> Result<String, String> {
        let check = self.service.health_check();
        assert_eq!(check[0], "CMD");
        assert!(Path::new(&check[1]).is_absolute());
        let arguments: Vec<&str> = check[2..].iter().map(String::as_str).collect();
        run(&mut self.program(&arguments))
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        let log = self.secrets.directory().join(format!("{}.log", self.service.name));
        std::fs::read_to_string(log).unwrap()
    }
}

/// A running program; killed when dropped.
pub(crate) struct Program {
    child: Child,
    grace: Duration,
}

impl Program {
    /// Ends it as Docker does; it must end by itself, and well.
    pub(crate) fn stop(mut self) {
        let pid = self.child.id().to_string();
        run(Command::new("kill").args(["-TERM", &pid])).unwrap();
        let status = ended_within(&mut self.child, self.grace).expect("it would have been killed");
        assert!(status.success(), "{status}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
