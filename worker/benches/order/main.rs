//! What a few failing records cost the others on a route that keeps the order of a record's events: from the
//! publishing of an event until its destination has it.
//!
//! `cargo bench -p worker --bench order -- [small]`, with `scripts/services env` in the environment. It prints a
//! row for each engine, with no record failing and with one in a hundred, and the ratio of the two in that run.
//! What is expected is a ratio of about 1. It exits with 1 if an event was lost.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a measurement stops at what it did not expect"
)]

mod destination;
mod setting;

use std::process::ExitCode;
use std::time::Duration;

use shared::testing::Engine;

use destination::Destination;
use setting::Setting;

/// Records, each with as many events, published in bursts of so many every so often.
#[derive(Clone, Copy)]
struct Scale {
    records: u64,
    events: u64,
    burst: usize,
    every: Duration,
    rounds: usize,
}

const FULL: Scale =
    Scale { records: 10_000, events: 3, burst: 20, every: Duration::from_millis(40), rounds: 3 };
const SMALL: Scale = Scale { records: 200, events: 2, rounds: 1, ..FULL };

/// One record in so many fails.
const FAILING: u64 = 100;

#[tokio::main]
async fn main() -> ExitCode {
    let is_small = std::env::args().any(|argument| argument == "small");
    let scale = if is_small { SMALL } else { FULL };
    let mut lost = 0;
    println!("{:<10} {:>14} {:>10} {:>10}", "engine", "failing", "p50 ms", "p99 ms");
    for engine in [Engine::Cluster, Engine::Embedded] {
        let mut p99s = [Vec::new(), Vec::new()];
        for round in 0..scale.rounds {
            // Whoever is second has it no better.
            let turns = if round.is_multiple_of(2) { [false, true] } else { [true, false] };
            for is_failing in turns {
                let mut taken = measure(engine, scale, is_failing).await;
                let of_others =
                    scale.records - if is_failing { scale.records / FAILING } else { 0 };
                lost += (of_others * scale.events).saturating_sub(taken.len() as u64);
                taken.sort_unstable();
                let at = |share: f64| {
                    let place = (taken.len() as f64 * share) as usize;
                    taken.get(place.min(taken.len().saturating_sub(1))).copied().unwrap_or_default()
                };
                let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
                let (p50, p99) = (ms(at(0.5)), ms(at(0.99)));
                let share = if is_failing { "1 in 100" } else { "none" };
                println!("{:<10} {share:>14} {p50:>10.1} {p99:>10.1}", name(engine));
                p99s[usize::from(is_failing)].push(p99);
            }
        }
        let [none, some] = p99s.map(median);
        println!("{:<10} {:>14} {:>21.2}", name(engine), "p99, ratio", some / none);
    }
    if lost > 0 {
        eprintln!("{lost} events were lost");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// How long each event of a record that does not fail was on its way.
async fn measure(engine: Engine, scale: Scale, is_failing: bool) -> Vec<Duration> {
    let failing = if is_failing { FAILING } else { u64::MAX };
    let destination = Destination::start(failing);
    let setting = Setting::start(engine, &destination).await;
    setting.publish(scale, &destination).await;
    let others = scale.records - if is_failing { scale.records / FAILING } else { 0 };
    let taken = destination.wait(usize::try_from(others * scale.events).unwrap()).await;
    setting.end().await;
    taken
}

fn name(engine: Engine) -> &'static str {
    match engine {
        Engine::Cluster => "cluster",
        Engine::Embedded => "embedded",
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
