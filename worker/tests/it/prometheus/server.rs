//! A Prometheus of the test's own, with the rules that are shipped.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use shared::testing::{PATIENCE, prefix};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Runs until it is ended; killed when dropped.
pub(super) struct Server {
    process: Child,
    directory: PathBuf,
    address: String,
    client: reqwest::Client,
}

impl Server {
    /// Starts one that reads each of `targets`, a job's name and its address, every second.
    pub(super) async fn start(targets: &[(&str, String)]) -> Self {
        let directory = std::env::temp_dir().join(format!("hubline-prometheus-{}", prefix()));
        std::fs::create_dir_all(&directory).unwrap();
        let rules = format!("{}/../k8s/monitoring/alerts.yaml", env!("CARGO_MANIFEST_DIR"));
        // Once a second instead of once a minute: a test need not wait for minutes.
        let text = std::fs::read_to_string(rules).unwrap().replace("interval: 1m", "interval: 1s");
        std::fs::write(directory.join("alerts.yaml"), text).unwrap();
        let jobs = targets.iter().map(|(job, address)| {
            format!("  - job_name: {job}\n    static_configs: [{{ targets: ['{address}'] }}]\n")
        });
        let configuration = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
             rule_files: [alerts.yaml]\nscrape_configs:\n{}",
            jobs.collect::<String>(),
        );
        let file = directory.join("prometheus.yml");
        std::fs::write(&file, configuration).unwrap();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(directory.join("log")).unwrap())
            .kill_on_drop(true)
            .spawn()
            .expect("prometheus is there: scripts/test installs it");
        // Nothing here is encrypted; the client wants to be told all the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (address, client) = (String::new(), reqwest::Client::new());
        let mut server = Self { process, directory, address, client };
        let is_ready = timeout(PATIENCE, server.ready()).await.unwrap_or(false);
        assert!(is_ready, "Prometheus is not ready: {}", server.log());
        server
    }

    /// Waits until it answers; false if it ends before.
    async fn ready(&mut self) -> bool {
        while self.process.try_wait().unwrap().is_none() {
            if let Some(address) = listening_on(&self.log()) {
                self.address = address;
                let url = format!("http://{}/-/ready", self.address);
                if self.client.get(&url).send().await.is_ok_and(|answer| answer.status() == 200) {
                    return true;
                }
            }
            // A file has nothing to wait on; this is the poll of a test, not a delay.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap()
    }

    /// Whether a query gives a number.
    pub(super) async fn has_values(&self, query: &str) -> bool {
        let answer = self.get("query", &[("query", query)]).await;
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        let series = answer["data"]["result"].as_array().unwrap();
        let number =
            |series: &Value| series["value"][1].as_str().is_some_and(|value| value != "NaN");
        series.iter().any(number)
    }

    /// Rules that could not be evaluated, and why.
    pub(super) async fn broken_rules(&self) -> Vec<String> {
        let answer = self.get("rules", &[]).await;
        let groups = answer["data"]["groups"].as_array().unwrap();
        let rules: Vec<&Value> =
            groups.iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
        assert!(rules.len() >= 17, "{} rules", rules.len());
        let broken = rules.iter().filter(|rule| rule["health"] != "ok");
        broken.map(|rule| format!("{}: {}", rule["name"], rule["lastError"])).collect()
    }

    async fn get(&self, what: &str, parameters: &[(&str, &str)]) -> Value {
        let mut url =
            reqwest::Url::parse(&format!("http://{}/api/v1/{what}", self.address)).unwrap();
        url.query_pairs_mut().extend_pairs(parameters);
        self.client.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// Ends it; what it complained of.
    pub(super) async fn end(mut self) -> String {
        self.process.kill().await.unwrap();
        let log = self.log();
        let complaint = |line: &&str| {
            let line = line.to_lowercase();
            line.contains("level=warn") || line.contains("level=error")
        };
        log.lines().filter(complaint).take(20).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.start_kill();
        // It has files open there until it is gone, which takes a moment.
        for _ in 0..500 {
            if !matches!(self.process.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// The address that it says it listens on.
fn listening_on(log: &str) -> Option<String> {
    let line = log.split_inclusive('\n').find(|line| line.contains("\"Listening on\""))?;
    // What is written so far may end within a line.
    let (_, address) = line.strip_suffix('\n')?.split_once("address=")?;
    address.split(' ').next().map(str::to_owned)
}
