//! What a container's health check runs: asks the program beside it whether it can do its work, and
//! says why not. Knows no setting but where to ask.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::terminal;

/// An answer that takes longer is none.
const DEADLINE: Duration = Duration::from_secs(3);
/// Far more than the program says of itself.
const MAX_ANSWER_BYTES: u64 = 256 * 1024;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether the process answers at all (`/livez`).
    Live,
    /// Whether it can do its work now (`/readyz`).
    Ready,
}

impl Question {
    fn path(self) -> &'static str {
        match self {
            Self::Live => "/livez",
            Self::Ready => "/readyz",
        }
    }
}

/// Asks whoever has `admin`, an `ADMIN_LISTEN`, as its admin listener on this machine. Prints what is
/// not as it should be, on standard error; 0 is well, 1 is not.
pub async fn run(admin: SocketAddr, question: Question) -> ExitCode {
    let answer = tokio::time::timeout(DEADLINE, ask(reachable(admin), question)).await;
    let why = answer.unwrap_or_else(|_| Err(format!("no answer within {} s", DEADLINE.as_secs())));
    match why {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            terminal::complain(why);
            ExitCode::FAILURE
        }
    }
}

/// A listener on every address is asked on the loopback one.
fn reachable(mut admin: SocketAddr) -> SocketAddr {
    match admin.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => admin.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => admin.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    admin
}

/// One request, by hand: an HTTP client would be most of what this is in.
async fn ask(admin: SocketAddr, question: Question) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("no answer from {admin}: {error}");
    let mut connection = TcpStream::connect(admin).await.map_err(failed)?;
    let path = question.path();
    // Version 1.0: the answer comes in one piece and ends with the connection.
    let request = format!("GET {path} HTTP/1.0\r\nhost: {admin}\r\n\r\n");
    connection.write_all(request.as_bytes()).await.map_err(failed)?;
    let mut answer = Vec::new();
    connection.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await.map_err(failed)?;
    judge(&String::from_utf8_lossy(&answer)).map_err(|why| format!("{admin}{path}: {why}"))
}

/// As `/readyz` tells it.
#[derive(Deserialize)]
struct Unready {
    checks: BTreeMap<String, String>,
}

fn judge(answer: &str) -> Result<(), String> {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status = head.lines().next().unwrap_or_default().split(' ').nth(1).unwrap_or_default();
    if status == "200" {
        return Ok(());
    }
    let Ok(Unready { checks }) = serde_json::from_str(body) else {
        return Err(format!("answered {status:?}"));
    };
    let down = checks.into_iter().filter(|(_, state)| state != "up");
    let lines: Vec<String> = down.map(|(check, state)| format!("{check}: {state}")).collect();
    Err(if lines.is_empty() { "not ready".to_owned() } else { lines.join("; ") })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn what_is_not_up_is_named_and_the_rest_is_not() {
        let page = |status: &str, body: &str| format!("HTTP/1.1 {status}\r\na: b\r\n\r\n{body}");
        assert_eq!(judge(&page("200 OK", "ok\n")), Ok(()));
        let unready =
            r#"{"ready":false,"checks":{"broker":"down: refused","ledger":"up","x":"late"}}"#;
        let why = judge(&page("503 Service Unavailable", unready)).unwrap_err();
        assert_eq!(why, "broker: down: refused; x: late");
        assert_eq!(judge(&page("404 Not Found", "")).unwrap_err(), r#"answered "404""#);
        assert_eq!(judge("").unwrap_err(), r#"answered """#);
    }

    #[test]
    fn a_listener_on_every_address_is_asked_on_the_loopback_one() {
        let asked = |admin: &str| reachable(admin.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:9090"), "127.0.0.1:9090");
        assert_eq!(asked("[::]:9090"), "[::1]:9090");
        assert_eq!(asked("10.0.0.7:9090"), "10.0.0.7:9090");
    }
}
