//! The destination in Python that the documentation shows, with the library that it names.

use std::process::{Command, Stdio};

use tokio::net::TcpStream;

use super::file::{File, SECRET};
use super::{rig_with, worker};
use crate::harness::{Engine, deal, free, pause, wait_for_verdicts, within};

const DOCS: &str = include_str!("../../../../docs/tenants.md");

/// A Python that has the library: `scripts/test` makes one.
const PYTHON: &str = "HUBLINE_TEST_PYTHON";

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_in_ten_lines_of_python_takes_what_is_signed() {
    let python = std::env::var(PYTHON).unwrap_or_else(|_| {
        panic!("{PYTHON} is not set: run the tests through scripts/test, or name a Python with standardwebhooks 1.1.0")
    });
    let example = DOCS.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let [address] = free();
    let file = File::of(&format!(
        r#"
        tenants.acme = {{ origin = "hubspot/62515" }}
        routes.acme-all = {{ tenant = "acme", destination = "acme-py" }}
        [destinations.acme-py]
        tenant = "acme"
        url = "http://{address}/"
        secret = @secret
        "#
    ));
    let script = file.directory().join("hooks.py");
    std::fs::write(&script, example).unwrap();
    let mut hooks = Command::new(python)
        .arg(&script)
        .env("SECRET", SECRET)
        .env("PORT", address.port().to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let listening = async {
        while TcpStream::connect(address).await.is_err() {
            pause().await;
        }
    };
    within("a destination in Python", listening).await;
    let rig = rig_with(Engine::Embedded, &file, &[address]).await;
    let worker = worker(&rig);
    rig.publish(&deal(41)).await;
    wait_for_verdicts(&worker, "succeeded", 1).await;
    worker.stop().await;
    hooks.kill().unwrap();
    let output = hooks.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "deal.creation 41\n");
    rig.finish().await;
}
