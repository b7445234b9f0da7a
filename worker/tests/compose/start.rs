//! How RabbitMQ is started: beside data of its former name, not at all.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::file::{service, text};

/// A container's root, and programs of the image that only say that they were called.
struct Container(PathBuf);

impl Container {
    fn new() -> Self {
        let name = format!("hubline-start-{:016x}", rand::random::<u64>());
        let container = Self(std::env::temp_dir().join(name));
        std::fs::create_dir_all(container.programs()).unwrap();
        container.put("getent", "echo 127.0.0.1 host");
        container.put("docker-entrypoint.sh", "echo started \"$@\"");
        container
    }

    fn programs(&self) -> PathBuf {
        self.0.join("programs")
    }

    fn data(&self) -> PathBuf {
        self.0.join("var/lib/rabbitmq")
    }

    fn put(&self, program: &str, script: &str) {
        let file = self.programs().join(program);
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn start(&self) -> Output {
        let script = text("compose/rabbitmq/start.sh");
        let script = script.replace("/var/lib/rabbitmq", self.data().to_str().unwrap());
        let path = format!("{}:{}", self.programs().display(), std::env::var("PATH").unwrap());
        Command::new("sh").args(["-c", &script]).env("PATH", path).output().unwrap()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn make(directory: &Path) {
    std::fs::create_dir_all(directory).unwrap();
}

#[test]
fn rabbitmq_does_not_start_empty_beside_the_data_of_its_former_name() {
    let container = Container::new();
    let node = service("rabbitmq").environment()["RABBITMQ_NODENAME"].clone();
    // Its own data is no hindrance.
    make(&container.data().join("mnesia").join(node));
    let started = container.start();
    assert_eq!(String::from_utf8(started.stdout).unwrap(), "started rabbitmq-server\n");
    make(&container.data().join("mnesia/rabbit@rabbitmq"));
    let refused = container.start();
    assert_eq!((refused.status.code(), refused.stdout), (Some(1), Vec::new()));
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(
        told.contains("mnesia/rabbit@rabbitmq holds queues of the node's former name"),
        "{told}"
    );
}
