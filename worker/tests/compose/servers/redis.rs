//! Redis with compose's configuration and users.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use super::{Server, run};
use crate::file::{service, text};
use crate::secrets::Secrets;

/// Starts it, with what data there is, and waits until its health check says that it is well.
pub(crate) fn start(secrets: &Secrets, address: SocketAddr) -> Server {
    let data = data(secrets);
    std::fs::create_dir_all(&data).unwrap();
    let configuration = data.join("redis.conf");
    let own = secrets.of("redis");
    let text = text("compose/redis/redis.conf")
        .replace("/run/secrets", own.to_str().unwrap())
        .replace("dir /data", &format!("dir {}", data.display()))
        .replace("port 6379", &format!("port {}", address.port()))
        .replace("bind * -::*", &format!("bind {}", address.ip()));
    std::fs::write(&configuration, text).unwrap();
    let mut command = Command::new("redis-server");
    command.arg(configuration);
    let mut server = Server::spawn("redis", command, secrets, address);
    // As Docker ends it.
    server.ending = "TERM";
    let client = format!("redis-cli -h {} -p {}", address.ip(), address.port());
    let check = service("redis").health_check()[1]
        .replace("$$", "$")
        .replace("/run/secrets", own.to_str().unwrap())
        .replace("redis-cli", &client);
    server.until_well(|| run(Command::new("sh").args(["-c", &check])));
    server
}

/// Where its data is.
pub(crate) fn data(secrets: &Secrets) -> PathBuf {
    secrets.directory().join("redis")
}
