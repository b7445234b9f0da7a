//! A Prometheus of the test's own, with the rules that are shipped.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use shared::testing::prefix;
use tokio::process::{Child, Command};

use crate::harness::within;

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
        let address = free_address();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(directory.join("log")).unwrap())
            .kill_on_drop(true)
            .spawn()
            .expect("prometheus is there: scripts/test installs it");
        // Nothing here is encrypted; the client wants to be told all the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let server = Self { process, directory, address, client: reqwest::Client::new() };
        within("Prometheus", server.ready()).await;
        server
    }

    async fn ready(&self) {
        let url = format!("http://{}/-/ready", self.address);
        while !self.client.get(&url).send().await.is_ok_and(|answer| answer.status() == 200) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
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
        let log = std::fs::read_to_string(self.directory.join("log")).unwrap();
        let complaint = |line: &&str| line.contains("level=warn") || line.contains("level=error");
        log.lines().filter(complaint).take(20).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}
