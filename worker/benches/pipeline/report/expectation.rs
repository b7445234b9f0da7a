//! What a figure is expected to be.

use super::{Part, Report, Sample, expected};

/// A figure that follows from one row or two.
pub(crate) enum Figure {
    /// Events a second of the first row, by those of the second.
    Rate(&'static str, &'static str),
    /// The first row's own CPU an event, by that of the second.
    Cpu(&'static str, &'static str),
    /// The first row's 99th percentile, by that of the second.
    P99(&'static str, &'static str),
    /// What is written to the disk for an event, KB.
    Written(&'static str),
    /// The most memory that a program has had, MiB.
    Peak(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Figure {
    /// In words.
    fn named(&self) -> String {
        match self {
            Self::Rate(row, of) => format!("{row} / {of}, events"),
            Self::Cpu(row, of) => format!("{row} / {of}, own CPU an event"),
            Self::P99(row, of) => format!("{row} / {of}, p99"),
            Self::Written(row) => format!("{row}, KB written an event"),
            Self::Peak(program) => format!("{program}, most memory, MiB"),
        }
    }

    fn of(&self, report: &Report) -> Option<f64> {
        match self {
            Self::Rate(row, of) => report.ratio(row, of, |sample| Some(sample.per_second())),
            Self::Cpu(row, of) => report.ratio(row, of, Sample::own_cpu),
            Self::P99(row, of) => {
                report.ratio(row, of, |sample| sample.millis(|latency| latency.p99))
            }
            Self::Written(row) => report.median(row, Sample::kilobytes_each),
            Self::Peak(program) => report.peaks.get(program).copied(),
        }
    }
}

impl Bound {
    pub(crate) fn is_kept_by(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(least) => figure >= least,
            Self::AtMost(most) => figure <= most,
        }
    }

    fn named(self) -> String {
        match self {
            Self::AtLeast(least) => format!("{least} or more"),
            Self::AtMost(most) => format!("{most} or less"),
        }
    }
}

impl Report {
    pub(super) fn print_expected(&self, part: Part) {
        if expected(part).next().is_none() {
            return;
        }
        println!("| figure | is | expected | |");
        println!("|---|---|---|---|");
        for (figure, bound) in expected(part) {
            let (is, verdict) = match figure.of(self) {
                Some(is) if bound.is_kept_by(is) => (format!("{is:.2}"), "reached"),
                Some(is) => (format!("{is:.2}"), "not reached"),
                None => (String::new(), "not measured"),
            };
            println!("| {} | {is} | {} | {verdict} |", figure.named(), bound.named());
        }
        println!();
    }

    /// What was expected and not measured.
    pub(super) fn not_measured(&self, part: Part) -> Vec<String> {
        let missing = expected(part).filter(|(figure, _)| figure.of(self).is_none());
        missing.map(|(figure, _)| format!("{}: not measured", figure.named())).collect()
    }
}
