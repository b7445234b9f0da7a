//! Medians of the rounds, and the ratios that are the point.

mod peers;

use std::time::Duration;

/// One measurement.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    events: usize,
    took: Duration,
    pub(crate) cpu: Option<Duration>,
    pub(crate) broker_cpu: Option<Duration>,
    pub(crate) redis_cpu: Option<Duration>,
    /// What the load generator itself took.
    pub(crate) load_cpu: Option<Duration>,
    /// Commits of the data file.
    pub(crate) syncs: Option<usize>,
    /// p50 and p99.
    pub(crate) latency: Option<(Duration, Duration)>,
    /// Events that were answered 200 and were not there afterwards.
    pub(crate) lost: Option<u64>,
}

impl Sample {
    pub(crate) fn rate(events: usize, took: Duration) -> Self {
        Self {
            events,
            took,
            cpu: None,
            broker_cpu: None,
            redis_cpu: None,
            load_cpu: None,
            syncs: None,
            latency: None,
            lost: None,
        }
    }

    fn per_second(&self) -> f64 {
        self.events as f64 / self.took.as_secs_f64()
    }

    fn micros_each(&self, time: Option<Duration>) -> Option<f64> {
        time.map(|time| time.as_secs_f64() * 1e6 / self.events as f64)
    }
}

/// Every measurement by name, in order of first appearance.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<(&'static str, Vec<Sample>)>,
    pub(crate) receiver_peak_mib: f64,
    pub(crate) worker_peak_mib: f64,
    pub(crate) idle_mib: f64,
    pub(crate) standalone_peak_mib: f64,
}

impl Report {
    pub(crate) fn add(&mut self, name: &'static str, sample: Sample) {
        eprintln!("  {name}: {:.0} events/s", sample.per_second());
        match self.rows.iter_mut().find(|(row, _)| *row == name) {
            Some((_, samples)) => samples.push(sample),
            None => self.rows.push((name, vec![sample])),
        }
    }

    fn median(&self, name: &str, value: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        let (_, samples) = self.rows.iter().find(|(row, _)| *row == name)?;
        let mut values: Vec<f64> = samples.iter().filter_map(value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }

    /// The ratio of two rows, as the median of the rounds' own ratios.
    fn ratio(&self, name: &str, of: &str) -> f64 {
        let samples = |name: &str| &self.rows.iter().find(|(row, _)| *row == name).unwrap().1;
        let mut ratios: Vec<f64> = samples(name)
            .iter()
            .zip(samples(of))
            .map(|(ours, raw)| ours.per_second() / raw.per_second())
            .collect();
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    }

    fn table(&self) {
        println!(
            "| median of the rounds | events/s | own CPU µs/event | RabbitMQ µs/event | Redis µs/event | p50 / p99 ms |"
        );
        println!("|---|---|---|---|---|---|");
        for (name, _) in &self.rows {
            let figure =
                |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.1}"));
            let rate = self.median(name, |sample| Some(sample.per_second())).unwrap_or_default();
            let cpu = figure(self.median(name, |sample| sample.micros_each(sample.cpu)));
            let broker = figure(self.median(name, |sample| sample.micros_each(sample.broker_cpu)));
            let redis = figure(self.median(name, |sample| sample.micros_each(sample.redis_cpu)));
            let p50 =
                self.median(name, |sample| sample.latency.map(|(p50, _)| p50.as_secs_f64() * 1e3));
            let p99 =
                self.median(name, |sample| sample.latency.map(|(_, p99)| p99.as_secs_f64() * 1e3));
            let latency =
                p50.zip(p99).map_or_else(String::new, |(p50, p99)| format!("{p50:.1} / {p99:.1}"));
            println!("| {name} | {rate:.0} | {cpu} | {broker} | {redis} | {latency} |");
        }
        println!();
    }

    /// `bare` messages have no properties, `raw` ones have those of Hubline's own messages.
    pub(crate) fn print(&self) {
        self.table();
        for (name, of, expected) in [
            ("receiver, 100-event deliveries", "bare publish, 800 in flight", 0.75),
            ("receiver, 100-event deliveries", "raw publish, 800 in flight", 0.75),
            ("receiver, 1-event deliveries", "bare publish, 32 in flight", 0.70),
            ("receiver, 1-event deliveries", "raw publish, 32 in flight", 0.70),
            ("worker, handler does nothing", "raw consume, multiple acks", 0.60),
        ] {
            println!("{name} / {of}: {:.2} (expected {expected:.2} or more)", self.ratio(name, of));
        }
        println!(
            "peak memory: receiver {:.0} MiB (expected under 40), worker {:.0} MiB (expected under 80)",
            self.receiver_peak_mib, self.worker_peak_mib
        );
    }

    pub(crate) fn print_embedded(&self) {
        self.table();
        let disk = "disk, 4 KiB written and synced";
        for (name, _) in self.rows.iter().filter(|(name, _)| *name != disk) {
            let each = self.median(name, |sample| {
                sample.syncs.map(|syncs| sample.events as f64 / syncs as f64)
            });
            println!(
                "{name}: {:.1} events per commit, {:.2} events per sync of the disk",
                each.unwrap_or_default(),
                self.ratio(name, disk)
            );
        }
        let one = "embedded, 1-event deliveries, 1 connection";
        for many in ["8", "32", "128"] {
            let name = format!("embedded, 1-event deliveries, {many} connections");
            println!("{many} connections / 1: {:.1}", self.ratio(&name, one));
        }
        println!(
            "memory: idle {:.0} MiB (expected under 40), peak {:.0} MiB",
            self.idle_mib, self.standalone_peak_mib
        );
    }
}
