//! One measurement.

use std::time::Duration;

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
    /// Bytes that went to the disk.
    pub(crate) written: Option<u64>,
    pub(crate) latency: Option<Percentiles>,
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
            written: None,
            latency: None,
            lost: None,
        }
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.events as f64 / self.took.as_secs_f64()
    }

    pub(super) fn micros_each(&self, time: Option<Duration>) -> Option<f64> {
        time.map(|time| time.as_secs_f64() * 1e6 / self.events as f64)
    }

    pub(super) fn own_cpu(&self) -> Option<f64> {
        self.micros_each(self.cpu)
    }

    pub(super) fn kilobytes_each(&self) -> Option<f64> {
        self.written.map(|written| written as f64 / 1024.0 / self.events as f64)
    }

    pub(super) fn events_a_commit(&self) -> Option<f64> {
        self.syncs.map(|syncs| self.events as f64 / syncs as f64)
    }

    pub(super) fn millis(&self, of: impl Fn(&Percentiles) -> Duration) -> Option<f64> {
        self.latency.as_ref().map(|latency| of(latency).as_secs_f64() * 1e3)
    }
}

/// How long the slowest of so many took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Percentiles {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) p999: Duration,
    pub(crate) max: Duration,
}

impl Percentiles {
    /// Of at least one.
    pub(crate) fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort();
        let last = latencies.len() - 1;
        let at = |share: f64| latencies[(last as f64 * share) as usize];
        Self { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: latencies[last] }
    }
}
