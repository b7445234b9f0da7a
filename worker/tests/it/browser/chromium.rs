//! One test's browser: a chromedriver and its Chromium, with all their files in a directory of
//! their own. Both are gone when the test ends, however it ends.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use thirtyfour::{
    CapabilitiesHelper as _, ChromiumLikeCapabilities as _, DesiredCapabilities, WebDriver,
};
use tokio::sync::oneshot;

use super::room::Room;
use crate::harness::{PATIENCE, within};

/// A host that is not this machine by its name, and leads here all the same.
pub(super) const ELSEWHERE: &str = "console.test";

const ARGUMENTS: [&str; 10] = [
    "--headless",
    "--no-sandbox", // Tests may run as root, and open their own pages only.
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1000",
    "--hide-scrollbars", // A width is then what a page has, as on telephones.
];

const MISSING: &str = "Chromium and its chromedriver are needed: run scripts/test, which installs \
                       them on Debian as root, or install the packages chromium and \
                       chromium-driver";

/// What a browser may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scripts {
    Run,
    /// As somebody has set it who switched JavaScript off.
    Off,
}

/// A browser, open.
pub(super) struct Chromium {
    // Dropped first: it tells the driver to close the browser.
    pub(super) session: WebDriver,
    _process: Driver,
}

impl Chromium {
    pub(super) async fn start(scripts: Scripts) -> Self {
        // Nothing here is encrypted; the client wants to be told all the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let driver = Driver::start().await;
        // No connection is kept: what drops a session does so on a runtime of its own.
        let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0);
        let client = client.timeout(PATIENCE).build().unwrap();
        let wishes = wishes(&driver.room, scripts);
        let session = WebDriver::builder(format!("http://127.0.0.1:{}", driver.port), wishes);
        let session = session.client(client).await;
        let session = session.unwrap_or_else(|error| panic!("no browser: {error}. {MISSING}."));
        Self { session, _process: driver }
    }

    /// Ends it, and expects it to end well.
    pub(super) async fn quit(self) {
        self.session.clone().quit().await.unwrap();
    }
}

fn wishes(room: &Room, scripts: Scripts) -> thirtyfour::ChromeCapabilities {
    let mut wishes = DesiredCapabilities::chrome();
    for argument in ARGUMENTS {
        wishes.add_arg(argument).unwrap();
    }
    wishes.add_arg(&format!("--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1")).unwrap();
    // A test that ends TLS makes its own certificate.
    wishes.accept_insecure_certs(true).unwrap();
    wishes.add_arg(&format!("--user-data-dir={}", room.0.join("profile").display())).unwrap();
    if scripts == Scripts::Off {
        let blocked = json!({ "profile.managed_default_content_settings.javascript": 2 });
        wishes.add_experimental_option("prefs", blocked).unwrap();
    }
    // A dialog stays, for the test to find it.
    wishes.as_mut().set("unhandledPromptBehavior", "ignore").unwrap();
    wishes
}

/// A chromedriver process.
struct Driver {
    process: Child,
    port: u16,
    // Dropped last.
    room: Room,
}

impl Driver {
    async fn start() -> Self {
        // A port that is free for IPv6 may be taken for IPv4: then it ends, and another is tried.
        for _ in 0..10 {
            let room = Room::new();
            let mut process = command(&room)
                .spawn()
                .unwrap_or_else(|error| panic!("chromedriver cannot be run: {error}. {MISSING}."));
            let told = port(&mut process);
            let mut driver = Self { process, port: 0, room };
            if let Ok(port) = within("the start of chromedriver", told).await {
                driver.port = port;
                return driver;
            }
        }
        panic!("chromedriver ends before it listens. {MISSING}.");
    }
}

/// With nothing of this process' environment, and no home but the room.
fn command(room: &Room) -> Command {
    let mut command = Command::new("chromedriver");
    command
        .arg("--port=0")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", &room.0)
        .env("TMPDIR", &room.0)
        .env("LANG", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// The port that it says it listens on; nothing if it ends before.
fn port(process: &mut Child) -> oneshot::Receiver<u16> {
    let (tell, told) = oneshot::channel();
    let said = process.stdout.take().unwrap();
    std::thread::spawn(move || {
        let mut tell = Some(tell);
        // To its end, or a full pipe would hold it up.
        for line in BufReader::new(said).lines().map_while(Result::ok) {
            let Some((_, port)) = line.split_once("started successfully on port ") else {
                continue;
            };
            if let (Ok(port), Some(tell)) = (port.trim_end_matches('.').parse(), tell.take()) {
                let _ = tell.send(port);
            }
        }
    });
    told
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        // The browser has been closed, unless it hangs, or nobody knew of it yet, or could tell it.
        for _ in 0..500 {
            let left = processes_of(&self.room);
            if left.is_empty() {
                return;
            }
            let _ = Command::new("kill").arg("-KILL").args(left).stderr(Stdio::null()).status();
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// What runs with files in `room`, or was started to: no other process knows its name.
fn processes_of(room: &Room) -> Vec<String> {
    let name = room.0.to_string_lossy();
    let knows = |pid: &String| {
        ["cmdline", "environ"].iter().any(|what| {
            let text = std::fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
            String::from_utf8_lossy(&text).contains(&*name)
        })
    };
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().into_string().ok());
    pids.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).filter(knows).collect()
}
