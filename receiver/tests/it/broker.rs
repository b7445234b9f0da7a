//! A RabbitMQ of one test's own, to be killed, starved and told off.

use std::process::Command;

const UP: &str = r#"
set -e
printed=$("$0" up "$1" --only rabbitmq)
eval "$printed"
printf '%s\n' "$HUBLINE_TEST_AMQP_URL" "$HUBLINE_TEST_RABBITMQ_PID_FILE" "$HUBLINE_TEST_RABBITMQCTL"
"#;

/// A private instance of `scripts/services`; ends, with its data, when dropped.
pub(crate) struct PrivateBroker {
    name: String,
    pub(crate) url: String,
    pid_file: String,
    rabbitmqctl: String,
}

impl PrivateBroker {
    /// Starts one and waits until it answers.
    pub(crate) async fn start(purpose: &str) -> Self {
        let name = format!("it-{purpose}-{:08x}", rand::random::<u32>());
        let mut broker =
            Self { name, url: String::new(), pid_file: String::new(), rabbitmqctl: String::new() };
        // Owned from here on: also an instance that does not come up is taken down.
        let lines = broker.up().await;
        let [url, pid_file, rabbitmqctl] = &lines[..] else { panic!("{lines:?}") };
        broker.url.clone_from(url);
        broker.pid_file.clone_from(pid_file);
        broker.rabbitmqctl.clone_from(rabbitmqctl);
        broker
    }

    /// Starts it, again and with its data if it was killed; its address and where its files are.
    pub(crate) async fn up(&self) -> Vec<String> {
        let services = services();
        let output = run("bash", &["-c", UP, &services, &self.name]).await;
        output.lines().map(str::to_owned).collect()
    }

    /// Ends the server without a warning, as a crash does.
    pub(crate) async fn kill(&self) {
        let pid = std::fs::read_to_string(&self.pid_file).unwrap();
        run("kill", &["-KILL", pid.trim()]).await;
    }

    pub(crate) async fn rabbitmqctl(&self, arguments: &[&str]) {
        run(&self.rabbitmqctl, arguments).await;
    }
}

impl Drop for PrivateBroker {
    fn drop(&mut self) {
        let output =
            Command::new(services()).args(["down", &self.name, "--only", "rabbitmq"]).output();
        if !std::thread::panicking() {
            assert!(output.unwrap().status.success());
        }
    }
}

fn services() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/services").to_owned()
}

/// What a program that must succeed prints.
async fn run(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments);
    let shown = format!("{command:?}");
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
