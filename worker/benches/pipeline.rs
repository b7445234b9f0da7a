//! Throughput and latency as ratios. Run it through `scripts/bench`, which names the parts; a second
//! argument `small` runs all of a part in seconds, as the tests do.

#[path = "pipeline/mod.rs"]
mod pipeline;

use std::process::ExitCode;

use pipeline::{Part, Scale};

#[tokio::main]
async fn main() -> ExitCode {
    if pipeline::is_program().await {
        return ExitCode::SUCCESS;
    }
    // `cargo bench` passes `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    let mut words = arguments.iter().map(String::as_str);
    let part = match words.next() {
        Some("embedded") => Part::Embedded,
        Some("servers") | None => Part::Servers,
        Some("latency") => Part::Latency,
        Some("messages") => Part::Messages,
        Some("tenants") => Part::Tenants,
        Some("peers") => Part::Peers,
        Some(other) => {
            eprintln!("no part is called `{other}`: see scripts/bench --help");
            return ExitCode::from(2);
        }
    };
    let scale = if words.next() == Some("small") { Scale::Small } else { Scale::Full };
    let report = pipeline::run(part, scale, &shared::testing::prefix()).await;
    let faults = report.faults(part);
    for fault in &faults {
        eprintln!("{fault}");
    }
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
