//! The servers of compose.yaml outside containers: Debian's programs with compose's own configuration,
//! on loopback ports and with data of one test's own. Ended, with their data, when dropped.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::file::{service, text};
use crate::secrets::Secrets;

/// Each of them takes seconds; a machine under load takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
const NEEDED: &str = "this runs compose.yaml's servers outside containers: install the packages \
                      rabbitmq-server, redis-server and postgresql";

/// RabbitMQ, Redis and PostgreSQL.
pub(crate) struct Servers {
    pub(crate) rabbitmq: RabbitMq,
    pub(crate) redis: Server,
    pub(crate) postgres: Server,
}

/// One process and where it listens.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    /// What goes with it.
    directory: Option<PathBuf>,
    log: PathBuf,
}

impl Server {
    /// What it has said so far, after why it is asked.
    fn told(&self, why: &str) -> String {
        format!("{why}\n{}", std::fs::read_to_string(&self.log).unwrap_or_default())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(directory) = &self.directory {
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}

/// A node, its name server and the way to its tools.
pub(crate) struct RabbitMq {
    pub(crate) server: Server,
    _names: Server,
    pub(crate) metrics_port: u16,
    tools: PathBuf,
    environment: Vec<(String, String)>,
}

impl Servers {
    /// Starts them and waits until each one's own health check says that it is well.
    pub(crate) fn start(secrets: &Secrets) -> Self {
        let (rabbitmq, redis) = (RabbitMq::start(secrets), redis(secrets));
        let postgres = postgres(secrets);
        until_well("redis", || {
            let check = service("redis").health_check()[1]
                .replace("$$", "$")
                .replace("/run/secrets", secrets.of("redis").to_str().unwrap())
                .replace("redis-cli", &format!("redis-cli -p {}", redis.port));
            run(Command::new("sh").args(["-c", &check])).map_err(|why| redis.told(&why))
        });
        until_well("rabbitmq", || {
            let check = service("rabbitmq").health_check();
            let checked = run(rabbitmq.tool(&check[1]).args(&check[2..]));
            checked.map_err(|why| rabbitmq.server.told(&why))
        });
        Self { rabbitmq, redis, postgres }
    }
}

impl RabbitMq {
    fn start(secrets: &Secrets) -> Self {
        let directory = secrets.directory().join("rabbitmq");
        let folder = |name: &str| {
            let folder = directory.join(name);
            std::fs::create_dir_all(&folder).unwrap();
            folder.to_str().unwrap().to_owned()
        };
        let (home, data, logs) = (folder("home"), folder("data"), folder("logs"));
        let [port, distribution, names_port, metrics_port] = free_ports();
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
            "{configuration}\nprometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = {metrics_port}\n"
        );
        let loopback = "-kernel inet_dist_use_interface {127,0,0,1}";
        let environment = [
            ("PATH", std::env::var("PATH").unwrap()),
            ("LANG", "C.UTF-8".to_owned()),
            ("HOME", home),
            ("ERL_EPMD_PORT", names_port.to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            ("RABBITMQ_NODENAME", "compose@localhost".to_owned()),
            ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1".to_owned()),
            ("RABBITMQ_NODE_PORT", port.to_string()),
            ("RABBITMQ_DIST_PORT", distribution.to_string()),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", loopback.to_owned()),
            ("RABBITMQ_CTL_ERL_ARGS", loopback.to_owned()),
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
        let environment: Vec<(String, String)> =
            environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        // Its own, or the node would leave one behind.
        let mut names = Command::new("epmd");
        names.args(["-address", "127.0.0.1", "-port", &names_port.to_string()]);
        let names = spawn(names, secrets, "epmd", names_port, None);
        let tools = newest("/usr/lib/rabbitmq/lib", "sbin/rabbitmq-server");
        let mut node = Command::new(tools.join("rabbitmq-server"));
        node.env_clear().envs(environment.iter().cloned());
        let server = spawn(node, secrets, "rabbitmq", port, None);
        Self { server, _names: names, metrics_port, tools, environment }
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(self.tools.join(name));
        command.env_clear().envs(self.environment.iter().cloned());
        command
    }

    /// What `rabbitmqctl` prints.
    pub(crate) fn ctl(&self, arguments: &[&str]) -> String {
        let mut command = self.tool("rabbitmqctl");
        run(command.arg("--quiet").args(arguments)).unwrap_or_else(|error| panic!("{error}"))
    }
}

fn redis(secrets: &Secrets) -> Server {
    let [port] = free_ports();
    let data = secrets.directory().join("redis");
    std::fs::create_dir_all(&data).unwrap();
    let configuration = data.join("redis.conf");
    let own = secrets.of("redis");
    let text = text("compose/redis/redis.conf")
        .replace("/run/secrets", own.to_str().unwrap())
        .replace("dir /data", &format!("dir {}", data.display()))
        .replace("port 6379", &format!("port {port}"))
        .replace("bind * -::*", "bind 127.0.0.1");
    std::fs::write(&configuration, text).unwrap();
    let mut command = Command::new("redis-server");
    command.arg(configuration);
    spawn(command, secrets, "redis", port, None)
}

/// As the image's start script does it: makes the database, with a password for its superuser, and runs
/// what lies in the folder of first scripts.
fn postgres(secrets: &Secrets) -> Server {
    let [port] = free_ports();
    let programs = newest("/usr/lib/postgresql", "bin/postgres");
    // It refuses to run as root; whom it runs as instead cannot read our folder.
    let base = std::env::temp_dir().join(format!("{}-postgres", secrets.directory().display()));
    std::fs::create_dir_all(&base).unwrap();
    let own = secrets.of("postgres");
    std::fs::copy(own.join("postgres"), base.join("password")).unwrap();
    let is_root = run(Command::new("id").arg("-u")).unwrap().trim() == "0";
    if is_root {
        run(Command::new("chown").args(["-R", "postgres:postgres"]).arg(&base)).unwrap();
    }
    let as_postgres = |program: &str| {
        let program = programs.join(program);
        let mut command = if is_root {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(&base).env("LC_ALL", "C.UTF-8");
        command
    };
    let data = base.join("data");
    let told = service("postgres").environment();
    let mut making = as_postgres("initdb");
    making.arg("--pgdata").arg(&data).args(["--username=postgres", "--encoding=UTF8"]);
    making.arg("--pwfile").arg(base.join("password")).arg(&told["POSTGRES_INITDB_ARGS"]);
    run(&mut making).unwrap_or_else(|error| panic!("{error}"));
    let mut serving = as_postgres("postgres");
    serving.arg("-D").arg(&data).args([
        "-p",
        &port.to_string(),
        "-c",
        "listen_addresses=127.0.0.1",
    ]);
    serving.args(["-c", "unix_socket_directories="]);
    let server = spawn(serving, secrets, "postgres", port, Some(base.clone()));
    let check = service("postgres").health_check();
    until_well("postgres", || {
        let mut command = Command::new(programs.join(&check[1]));
        run(command.args(&check[2..]).arg(format!("--port={port}")))
    });
    let script =
        text("compose/postgres/hubline.sql").replace("/run/secrets", own.to_str().unwrap());
    let file = secrets.directory().join("hubline.sql");
    std::fs::write(&file, script).unwrap();
    let mut psql = Command::new(programs.join("psql"));
    psql.args(["-v", "ON_ERROR_STOP=1", "--no-psqlrc", "--host=127.0.0.1", "--username=postgres"]);
    psql.arg(format!("--port={port}")).arg("--file").arg(&file);
    psql.env("PGPASSWORD", secrets.read("postgres", "postgres"));
    run(&mut psql).unwrap_or_else(|error| panic!("{error}"));
    server
}

fn spawn(
    mut command: Command,
    secrets: &Secrets,
    name: &str,
    port: u16,
    directory: Option<PathBuf>,
) -> Server {
    let log = secrets.directory().join(format!("{name}.log"));
    let written = std::fs::File::create(&log).unwrap();
    command.stdin(Stdio::null()).stdout(written.try_clone().unwrap()).stderr(written);
    let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}: {NEEDED}"));
    Server { child, port, directory, log }
}

/// Standard output, or what went wrong.
pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout).unwrap());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!(
        "{command:?}: {}: {said}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout)
    ))
}

/// Waits until a health check, which has nothing to wait on, is content.
pub(crate) fn until_well(name: &str, mut check: impl FnMut() -> Result<String, String>) {
    let begun = Instant::now();
    loop {
        match check() {
            Ok(_) => return,
            Err(why) => assert!(begun.elapsed() < PATIENCE, "{name}: {why}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The folder of the newest version's programs.
fn newest(folder: &str, program: &str) -> PathBuf {
    let versions = std::fs::read_dir(folder).into_iter().flatten();
    let programs = versions.map(|version| version.unwrap().path().join(program));
    let newest = programs.filter(|program| program.exists()).max();
    let newest = newest.unwrap_or_else(|| panic!("no {program} in {folder}: {NEEDED}"));
    newest.parent().map(Path::to_owned).unwrap()
}

/// Below the range from which the kernel takes ports for outgoing connections.
fn free_ports<const N: usize>() -> [u16; N] {
    let mut held = Vec::new();
    while held.len() < N {
        let candidate = rand::random_range(20_000..32_000);
        held.extend(TcpListener::bind(("127.0.0.1", candidate)));
    }
    std::array::from_fn(|index| held[index].local_addr().unwrap().port())
}
