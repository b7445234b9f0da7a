//! Medians of the rounds, and the ratios that are the point.

pub(crate) mod expectation;
mod peers;
mod sample;
mod table;

use std::collections::BTreeMap;

use expectation::Bound::{self, AtLeast, AtMost};
use expectation::Figure::{self, Cpu, P99, Peak, Rate, Written};
pub(crate) use sample::{Percentiles, Sample};

use super::scale::Part;

const BARE_BATCHES: &str = "bare publish, 800 in flight";
const BARE_SINGLES: &str = "bare publish, 32 in flight";
const RAW_BATCHES: &str = "raw publish, 800 in flight";
const RAW_CONSUME: &str = "raw consume, multiple acks";
const BATCHES: &str = "receiver, 100-event deliveries";
const SINGLES: &str = "receiver, 1-event deliveries";
const BATCHES_AT_HALF: &str = "100-event deliveries, half load";
const SINGLES_AT_HALF: &str = "1-event deliveries, half load";
const DISK: &str = "disk, 4 KiB written and synced";
const ONE: &str = "worker, 1 destination";
const IN_ORDER: &str = "10,000 records, in order";
const IN_ORDER_EMBEDDED: &str = "10,000 records, in order, embedded";
const ONE_PROCESS: &str = "embedded, 100-event deliveries, 8 connections";

/// All that is expected. `bare` messages have no properties, `raw` ones have those of Hubline's own. A rate
/// by the disk's is events for each time that it can sync.
const EXPECTED: [(Part, Figure, Bound); 29] = [
    (Part::Servers, Rate(BATCHES, BARE_BATCHES), AtLeast(0.8)),
    (Part::Servers, Rate(SINGLES, BARE_SINGLES), AtLeast(0.8)),
    (Part::Servers, Rate("worker, CONCURRENCY 800", RAW_CONSUME), AtLeast(0.75)),
    (Part::Servers, Rate("worker, default CONCURRENCY", RAW_CONSUME), AtLeast(0.65)),
    (Part::Servers, Cpu(BATCHES, RAW_BATCHES), AtMost(1.5)),
    (Part::Servers, Peak("receiver"), AtMost(32.0)),
    (Part::Servers, Peak("worker"), AtMost(48.0)),
    (
        Part::Latency,
        P99(SINGLES_AT_HALF, "bare messages as 1-event deliveries, half load"),
        AtMost(2.0),
    ),
    (Part::Latency, P99(BATCHES_AT_HALF, "bare messages one by one, half load"), AtMost(2.0)),
    (
        Part::Latency,
        P99(BATCHES_AT_HALF, "bare messages as 100-event deliveries, half load"),
        AtMost(2.0),
    ),
    (Part::Embedded, Rate(ONE_PROCESS, DISK), AtLeast(2.0)),
    (Part::Embedded, Rate("embedded, 1-event deliveries, 1 connection", DISK), AtLeast(0.25)),
    (Part::Embedded, Written(ONE_PROCESS), AtMost(16.0)),
    (Part::Embedded, Written("embedded, 50-event deliveries, 2,000 events/s"), AtMost(16.0)),
    (Part::Embedded, Peak("standalone"), AtMost(64.0)),
    (Part::Tenants, Rate(ONE, "worker, a handler that does nothing"), AtLeast(0.2)),
    (Part::Tenants, Rate(ONE, "a client by itself, 400 in flight"), AtLeast(0.2)),
    (Part::Tenants, Rate("worker, 1,000 destinations", ONE), AtLeast(0.8)),
    (Part::Tenants, Rate("embedded, 1,000 destinations", "embedded, 1 destination"), AtLeast(0.8)),
    (Part::Tenants, Cpu("worker, 1 destination, filter", ONE), AtMost(1.2)),
    (Part::Tenants, Cpu("worker, 1 destination, template", ONE), AtMost(1.2)),
    (Part::Tenants, P99("100 tenants, one floods", "100 tenants, quiet"), AtMost(2.0)),
    (Part::Tenants, P99("100 tenants, one hangs", "100 tenants, quiet"), AtMost(2.0)),
    (
        Part::Tenants,
        P99("100 tenants, one floods, embedded", "100 tenants, quiet, embedded"),
        AtMost(2.0),
    ),
    (
        Part::Tenants,
        P99("100 tenants, one hangs, embedded", "100 tenants, quiet, embedded"),
        AtMost(2.0),
    ),
    (Part::Tenants, P99(IN_ORDER, "10,000 records, no order"), AtMost(2.0)),
    (Part::Tenants, P99("10,000 records, in order, 1 % fail", IN_ORDER), AtMost(1.5)),
    (Part::Tenants, P99(IN_ORDER_EMBEDDED, "10,000 records, no order, embedded"), AtMost(2.0)),
    (
        Part::Tenants,
        P99("10,000 records, in order, 1 % fail, embedded", IN_ORDER_EMBEDDED),
        AtMost(1.5),
    ),
];

/// What is expected of a part. Of Node programs nothing is.
fn expected(part: Part) -> impl Iterator<Item = (&'static Figure, Bound)> {
    let of_part = EXPECTED.iter().filter(move |(of, ..)| *of == part);
    of_part.map(|(_, figure, bound)| (figure, *bound))
}

/// Every measurement by name, in order of first appearance.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// What it was measured on.
    pub(crate) facts: Vec<String>,
    rows: Vec<(String, Vec<Sample>)>,
    /// The most memory by program, MiB.
    peaks: BTreeMap<&'static str, f64>,
}

impl Report {
    pub(crate) fn on(facts: Vec<String>) -> Self {
        Self { facts, ..Self::default() }
    }

    pub(crate) fn add(&mut self, name: &str, sample: Sample) {
        eprintln!("  {name}: {:.0} events/s", sample.per_second());
        match self.rows.iter_mut().find(|(row, _)| row == name) {
            Some((_, samples)) => samples.push(sample),
            None => self.rows.push((name.to_owned(), vec![sample])),
        }
    }

    pub(crate) fn add_peak(&mut self, program: &'static str, mib: f64) {
        let peak = self.peaks.entry(program).or_default();
        *peak = peak.max(mib);
    }

    /// The names of all rows.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.rows.iter().map(|(name, _)| name.as_str()).collect()
    }

    pub(crate) fn print(&self, part: Part) {
        self.print_facts();
        self.print_table();
        self.print_expected(part);
        let peaks: Vec<String> =
            self.peaks.iter().map(|(program, mib)| format!("{program} {mib:.0} MiB")).collect();
        if !peaks.is_empty() {
            println!("most memory: {}", peaks.join(", "));
        }
    }

    fn print_facts(&self) {
        for fact in &self.facts {
            println!("{fact}");
        }
        println!();
    }

    /// Rows without a figure, what was not measured, and what was lost.
    pub(crate) fn faults(&self, part: Part) -> Vec<String> {
        let mut faults = self.not_measured(part);
        for (name, samples) in &self.rows {
            if samples.iter().any(|sample| sample.per_second() <= 0.0) {
                faults.push(format!("{name}: no figure"));
            }
            if let Some(lost) = self.lost(name).filter(|lost| *lost > 0) {
                faults.push(format!("{name}: {lost} events were lost"));
            }
        }
        faults
    }

    fn samples(&self, name: &str) -> &[Sample] {
        let row = self.rows.iter().find(|(row, _)| row == name);
        row.map(|(_, samples)| samples.as_slice()).unwrap_or_default()
    }

    fn median(&self, name: &str, value: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        median(self.samples(name).iter().filter_map(value).collect())
    }

    /// One row's value divided by another's, as the median of the rounds' own ratios.
    pub(crate) fn ratio(
        &self,
        name: &str,
        of: &str,
        value: impl Fn(&Sample) -> Option<f64>,
    ) -> Option<f64> {
        let rounds = self.samples(name).iter().zip(self.samples(of));
        median(rounds.filter_map(|(one, other)| Some(value(one)? / value(other)?)).collect())
    }

    /// Of all rounds together; `None` where it was not counted.
    fn lost(&self, name: &str) -> Option<u64> {
        self.samples(name).iter().map(|sample| sample.lost).sum()
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
