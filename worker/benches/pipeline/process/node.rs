//! A peer as a program under test: a file for Node, which says when it is ready, and ends with this
//! process.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::time::Duration;

use super::Process;

impl Process {
    /// Starts the peer in `file` and waits until it says its port.
    pub(crate) async fn node(file: &str, environment: &[(&str, &str)]) -> Self {
        let folder = std::env::var("HUBLINE_BENCH_PEERS").expect("run it by `scripts/bench peers`");
        let mut child = Command::new("node")
            .arg(Path::new(&folder).join(file))
            .envs(environment.iter().copied())
            // As it runs for its users: Express and others look at this.
            .env("NODE_ENV", "production")
            // It ends when nobody holds the other end any more.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        // Before it is waited for, so that it ends if it is waited for in vain.
        let mut process = Self { child, address, admin: address };
        let line = tokio::task::spawn_blocking(move || first_line(stdout));
        let line = tokio::time::timeout(Duration::from_secs(60), line)
            .await
            .expect("the peer must become ready")
            .unwrap();
        let port: Option<u16> =
            line.strip_prefix("ready ").and_then(|port| port.trim_end().parse().ok());
        process.address.set_port(port.unwrap_or_else(|| panic!("{file} said {line:?}")));
        process.admin = process.address;
        process
    }
}

fn first_line(stdout: ChildStdout) -> String {
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    line
}
