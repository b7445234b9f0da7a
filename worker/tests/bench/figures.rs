//! What is made of measurements.

use std::path::Path;
use std::time::Duration;

use crate::pipeline::disk::file_system;
use crate::pipeline::report::expectation::Bound::{AtLeast, AtMost};
use crate::pipeline::report::{Percentiles, Sample};
use crate::pipeline::{Part, Report};

/// So many events in a second.
fn sample(events: usize) -> Sample {
    Sample::rate(events, Duration::from_secs(1))
}

#[test]
fn percentiles_are_those_of_what_was_slowest_whatever_came_first() {
    let latencies = (0..=1000).rev().map(Duration::from_millis).collect();
    let Percentiles { p50, p99, p999, max } = Percentiles::of(latencies);
    assert_eq!([p50, p99, p999, max].map(|it| it.as_millis()), [500, 990, 999, 1000]);
}

#[test]
fn what_stands_still_is_lost_or_was_not_measured_is_a_fault() {
    let mut report = Report::default();
    report.add("moves", sample(3));
    assert!(report.faults(Part::Peers).is_empty());
    report.add("stands still", sample(0));
    let mut loses = sample(3);
    loses.lost = Some(2);
    report.add("loses", loses);
    let faults = ["stands still: no figure", "loses: 2 events were lost"];
    assert_eq!(report.faults(Part::Peers), faults);
    // None of what is expected there has a row.
    assert!(report.faults(Part::Latency).len() > faults.len());
}

#[test]
fn a_ratio_is_the_median_of_the_rounds_own() {
    let mut report = Report::default();
    for (ours, raw) in [(10, 10), (30, 60), (90, 10)] {
        report.add("ours", sample(ours));
        report.add("raw", sample(raw));
    }
    let rate = |sample: &Sample| Some(sample.per_second());
    assert_eq!(report.ratio("ours", "raw", rate), Some(1.0));
    assert_eq!(report.ratio("ours", "another", rate), None);
}

#[test]
fn a_bound_is_kept_at_its_own_value_and_by_nothing_that_is_no_number() {
    for (bound, figure, is_kept) in [
        (AtLeast(0.8), 0.8, true),
        (AtLeast(0.8), 0.79, false),
        (AtMost(2.0), 2.0, true),
        (AtMost(2.0), 2.1, false),
        (AtLeast(0.8), f64::NAN, false),
        (AtMost(2.0), f64::NAN, false),
    ] {
        assert_eq!(bound.is_kept_by(figure), is_kept, "{bound:?} by {figure}");
    }
}

#[test]
fn a_path_is_on_the_file_system_of_what_is_mounted_nearest_above_it() {
    assert_eq!(file_system(Path::new("/proc/sys/kernel")), "proc");
    assert_ne!(file_system(Path::new("/")), "unknown");
}
