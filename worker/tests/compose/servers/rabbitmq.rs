//! RabbitMQ with compose's configuration, definitions and plugins.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use super::{Server, newest, run};
use crate::file::{service, text};
use crate::secrets::Secrets;

/// A node, its name server and the way to its tools.
pub(crate) struct RabbitMq {
    pub(crate) server: Server,
    _names: Server,
    pub(crate) metrics: SocketAddr,
    for_nodes: [SocketAddr; 2],
    tools: PathBuf,
    environment: Vec<(String, String)>,
}

impl RabbitMq {
    /// At a port for clients, one for metrics, one for its tools and one for its name server.
    pub(super) fn start(secrets: &Secrets, at: [SocketAddr; 4]) -> Self {
        let directory = secrets.directory().join("rabbitmq");
        let folder = |name: &str| {
            let folder = directory.join(name);
            std::fs::create_dir_all(&folder).unwrap();
            folder.to_str().unwrap().to_owned()
        };
        let (home, data, logs) = (folder("home"), folder("data"), folder("logs"));
        let [clients, metrics, distribution, names] = at;
        let address = &clients.ip().to_string();
        let write = |name: &str, content: &str| {
            let file = directory.join(name);
            std::fs::write(&file, content).unwrap();
            file.to_str().unwrap().to_owned()
        };
        // RabbitMQ before 3.12 has no such key in policies, and imports nothing that it does not know.
        let definitions = secrets.read("rabbitmq", "definitions.json");
        let definitions = definitions.replace(r#", "consumer-timeout": 1800000"#, "");
        let definitions = definitions
            .replace(r#""consumer-timeout": 1800000"#, r#""delivery-limit": 2147483647"#);
        let definitions = write("definitions.json", &definitions);
        let configuration = text("compose/rabbitmq/rabbitmq.conf")
            .replace("/run/secrets/definitions.json", &definitions);
        assert!(configuration.contains(&definitions));
        let configuration = format!(
            "{configuration}\nprometheus.tcp.ip = {address}\nprometheus.tcp.port = {}\n",
            metrics.port()
        );
        let environment = [
            ("PATH", std::env::var("PATH").unwrap()),
            ("LANG", "C.UTF-8".to_owned()),
            ("HOME", home),
            ("ERL_EPMD_PORT", names.port().to_string()),
            ("RABBITMQ_NODE_IP_ADDRESS", address.to_owned()),
            ("RABBITMQ_NODE_PORT", clients.port().to_string()),
            ("RABBITMQ_DIST_PORT", distribution.port().to_string()),
            ("RABBITMQ_CONF_ENV_FILE", write("none", "")),
            ("RABBITMQ_CONFIG_FILE", write("rabbitmq.conf", &configuration)),
            ("RABBITMQ_CONFIG_FILES", write("none", "")),
            ("RABBITMQ_ADVANCED_CONFIG_FILE", write("advanced.config", "[].\n")),
            (
                "RABBITMQ_ENABLED_PLUGINS_FILE",
                write("enabled_plugins", &text("compose/rabbitmq/enabled_plugins")),
            ),
            ("RABBITMQ_MNESIA_BASE", data),
            ("RABBITMQ_LOG_BASE", logs),
            ("RABBITMQ_LOGS", "-".to_owned()),
            // As in the image: the node is the process that was started.
            ("RUNNING_UNDER_SYSTEMD", "true".to_owned()),
        ];
        let mut environment: Vec<(String, String)> =
            environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        // Compose's own: where its node is for other nodes and for tools.
        let told = service("rabbitmq").environment();
        environment.extend(told.clone());
        // Its own, or the node would leave one behind.
        let mut serving_names = Command::new("epmd");
        serving_names.args(["-port", &names.port().to_string()]);
        serving_names.env_remove("ERL_EPMD_ADDRESS");
        serving_names.envs(told.get_key_value("ERL_EPMD_ADDRESS"));
        let for_nodes = [distribution, names];
        let names = Server::spawn("epmd", serving_names, secrets, names);
        let tools = newest("/usr/lib/rabbitmq/lib", "sbin/rabbitmq-server");
        let mut node = Command::new(tools.join("rabbitmq-server"));
        node.env_clear().envs(environment.iter().cloned());
        let server = Server::spawn("rabbitmq", node, secrets, clients);
        Self { server, _names: names, metrics, for_nodes, tools, environment }
    }

    pub(super) fn until_well(&mut self) {
        let check = service("rabbitmq").health_check();
        let port = self.server.address.port().to_string();
        let mut checking = self.tool(&check[1]);
        checking.args(check[2..].iter().map(|word| if word == "5672" { &port } else { word }));
        self.server.until_well(|| run(&mut checking));
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(self.tools.join(name));
        command.env_clear().envs(self.environment.iter().cloned());
        command
    }

    /// Where it is for other nodes, and its name server: on the address at which clients reach it.
    pub(crate) fn for_nodes(&self) -> [SocketAddr; 2] {
        self.for_nodes
    }

    /// What `rabbitmqctl` prints.
    pub(crate) fn ctl(&self, arguments: &[&str]) -> String {
        let mut command = self.tool("rabbitmqctl");
        run(command.arg("--quiet").args(arguments)).unwrap_or_else(|error| panic!("{error}"))
    }
}
