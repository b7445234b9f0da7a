//! A Redis of a test's own, that it may kill.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use shared::testing::prefix;

/// A Redis that ends, with its data, when dropped.
pub(crate) struct OwnRedis {
    name: String,
    pub(crate) url: String,
    pid_file: String,
}

impl OwnRedis {
    /// Starts one that forgets nothing it has answered, whatever happens to it.
    pub(crate) async fn start() -> Self {
        let mut own = Self { name: prefix(), url: String::new(), pid_file: String::new() };
        own.up();
        own.set("appendfsync", "always").await;
        own
    }

    /// Sets one of Redis' own settings.
    pub(crate) async fn set(&self, name: &str, value: &str) {
        self.ask(&["CONFIG", "SET", name, value]).await;
    }

    /// Has it do something.
    pub(crate) async fn ask(&self, words: &[&str]) {
        let client = deadpool_redis::redis::Client::open(self.url.as_str()).unwrap();
        let mut redis = client.get_multiplexed_async_connection().await.unwrap();
        let mut command = deadpool_redis::redis::cmd(words[0]);
        command.arg(&words[1..]).query_async::<()>(&mut redis).await.unwrap();
    }

    /// Starts it (again), with its data, on the same port.
    pub(crate) fn up(&mut self) {
        let environment = services(&["up", &self.name, "--only", "redis"]);
        let value = |name: &str| {
            let start = format!("export {name}=");
            let line = environment.lines().find_map(|line| line.strip_prefix(&start));
            line.unwrap_or_else(|| panic!("no {name} in {environment}")).to_owned()
        };
        self.url = value("HUBLINE_TEST_REDIS_URL");
        self.pid_file = value("HUBLINE_TEST_REDIS_PID_FILE");
    }

    /// SIGKILL.
    pub(crate) fn kill(&self) {
        self.signal("KILL");
    }

    fn signal(&self, signal: &str) {
        let pid = std::fs::read_to_string(&self.pid_file).unwrap();
        let kill = format!("kill -{signal} {}", pid.trim());
        let killed = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(killed.success());
    }
}

/// As one does that was killed a moment before, and is still there to be seen.
#[tokio::test]
async fn a_server_that_ends_while_it_is_waited_for_is_started_again() {
    let redis = OwnRedis::start().await;
    redis.signal("STOP");
    let mut command = Command::new(script());
    command.args(["up", &redis.name, "--only", "redis"]);
    let mut up = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = up.stderr.take().unwrap();
    let (mut text, mut byte) = (Vec::new(), [0]);
    while !text.ends_with(b"running on") {
        said.read_exact(&mut byte).unwrap();
        text.extend(byte);
    }
    redis.kill();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(up.wait().unwrap().success() && rest.contains("starting on"), "{rest}");
    redis.ask(&["PING"]).await;
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        services(&["down", &self.name]);
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/services")
}

fn services(arguments: &[&str]) -> String {
    let output = Command::new(script()).args(arguments).output().unwrap();
    assert!(
        output.status.success() || std::thread::panicking(),
        "scripts/services {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
