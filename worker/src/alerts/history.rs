//! What was read of each series lately, and what can be asked of it: the functions of Prometheus'
//! query language that the rules need, with the same meaning to the sample
//! (prometheus.io/docs/prometheus/latest/querying/functions). A value as of now is one that is at
//! most five minutes old and whose source still has it.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::exposition::Labels;

const MINUTE: i64 = 60_000;
/// As Prometheus looks back for a value as of now.
const LOOKBACK: i64 = 5 * MINUTE;
/// The longest that any rule looks back, and a little.
const KEPT: i64 = 80 * MINUTE;
/// The same for what the rules record themselves.
const RECORDED: i64 = (7 * 24 + 1) * 60 * MINUTE;
/// The most series that are kept: beyond it something is wrong with what is read.
const MAX_SERIES: usize = 100_000;

/// What was read, by name.
#[derive(Debug, Default)]
pub(super) struct History {
    names: HashMap<String, HashMap<Labels, Series>>,
    series: usize,
    /// Whether it was said that there are too many.
    is_full: bool,
}

/// Values by time, ms since the Unix epoch; `None` is the end of a series.
#[derive(Debug, Default)]
struct Series(VecDeque<(i64, Option<f64>)>);

impl History {
    /// Notes a value, later than any before.
    pub(super) fn add(&mut self, name: &str, labels: Labels, at_ms: i64, value: f64) {
        self.push(name, labels, at_ms, Some(value));
    }

    #[cfg(test)]
    /// Notes that a series has ended.
    pub(super) fn end(&mut self, name: &str, labels: Labels, at_ms: i64) {
        self.push(name, labels, at_ms, None);
    }

    fn push(&mut self, name: &str, labels: Labels, at_ms: i64, value: Option<f64>) {
        if !self.names.contains_key(name) {
            self.names.insert(name.to_owned(), HashMap::new());
        }
        let Some(all) = self.names.get_mut(name) else { return };
        if let Some(series) = all.get_mut(&labels) {
            series.0.push_back((at_ms, value));
        } else if self.series < MAX_SERIES {
            self.series += 1;
            all.insert(labels, Series([(at_ms, value)].into()));
        } else if !std::mem::replace(&mut self.is_full, true) {
            tracing::warn!(
                series = MAX_SERIES,
                "alerts are made of too many series: new ones are not read"
            );
        }
    }

    /// Notes that every series ends that had a value as of `at_ms` and that is not among those just
    /// read: those of which `is_of` says that they should have been.
    pub(super) fn end_unread(&mut self, at_ms: i64, is_of: impl Fn(&Labels) -> bool) {
        for (labels, Series(samples)) in self.names.values_mut().flatten() {
            let last = samples.back();
            if last.is_some_and(|(at, value)| *at < at_ms && value.is_some()) && is_of(labels) {
                samples.push_back((at_ms, None));
            }
        }
    }

    /// Forgets what no rule can ask for any more.
    pub(super) fn forget(&mut self, now_ms: i64) {
        for (name, all) in &mut self.names {
            let kept = if name.contains(':') { RECORDED } else { KEPT };
            let before = all.len();
            all.retain(|_, Series(samples)| {
                while samples.front().is_some_and(|(at, _)| *at < now_ms - kept) {
                    samples.pop_front();
                }
                !samples.is_empty()
            });
            self.series -= before - all.len();
        }
    }

    /// As of a moment.
    pub(super) fn at(&self, at_ms: i64) -> View<'_> {
        View { history: self, at_ms }
    }
}

/// What is known as of a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    history: &'a History,
    pub(super) at_ms: i64,
}

impl<'a> View<'a> {
    /// As of so much earlier.
    pub(super) fn before(self, offset: Duration) -> Self {
        Self { at_ms: self.at_ms - millis(offset), ..self }
    }

    /// Those series of a name that have these labels.
    pub(super) fn of<F: Fn(&Labels) -> bool>(self, name: &'a str, is: F) -> Selection<'a, F> {
        Selection { view: self, name, is }
    }

    /// All series of a name.
    pub(super) fn all(self, name: &'a str) -> Selection<'a, fn(&Labels) -> bool> {
        self.of(name, |_| true)
    }
}

/// Some series of one name.
pub(super) struct Selection<'a, F> {
    view: View<'a>,
    name: &'a str,
    is: F,
}

impl<'a, F: Fn(&Labels) -> bool> Selection<'a, F> {
    fn series(&self) -> impl Iterator<Item = (&'a Labels, &'a Series)> {
        let all = self.view.history.names.get(self.name).into_iter().flatten();
        all.filter(|(labels, _)| (self.is)(labels))
    }

    /// Each with its value as of now.
    pub(super) fn latest(&self) -> Vec<(&'a Labels, f64)> {
        let at_ms = self.view.at_ms;
        let value =
            |(labels, series): (&'a Labels, &'a Series)| Some((labels, series.latest(at_ms)?));
        self.series().filter_map(value).collect()
    }

    /// The largest value as of now.
    pub(super) fn max(&self) -> Option<f64> {
        self.latest().into_iter().map(|(_, value)| value).reduce(f64::max)
    }

    /// The sum of the largest value of each group, as of now.
    pub(super) fn sum_of_max_by(&self, label: &str) -> Option<f64> {
        let groups = self.max_by(label);
        (!groups.is_empty()).then(|| groups.into_values().sum())
    }

    /// The largest value of each group, as of now.
    pub(super) fn max_by(&self, label: &str) -> HashMap<String, f64> {
        let mut groups: HashMap<String, f64> = HashMap::new();
        for (labels, value) in self.latest() {
            let group = labels.get(label).cloned().unwrap_or_default();
            groups.entry(group).and_modify(|known| *known = known.max(value)).or_insert(value);
        }
        groups
    }

    /// `sum(increase(…[window]))`.
    pub(super) fn increase(&self, window: Duration) -> Option<f64> {
        let increases: Vec<f64> = self.increases(window).collect();
        (!increases.is_empty()).then(|| increases.iter().sum())
    }

    fn increases(&self, window: Duration) -> impl Iterator<Item = f64> {
        let until = self.view.at_ms;
        let from = until - millis(window);
        self.series().filter_map(move |(_, series)| series.increase(from, until))
    }

    /// Each with its last value of a window.
    pub(super) fn last_over_time(&self, window: Duration) -> Vec<(&'a Labels, f64)> {
        let last = |(labels, series): (&'a Labels, &'a Series)| {
            Some((labels, self.within(series, window).last()?.1))
        };
        self.series().filter_map(last).collect()
    }

    /// All values of a window.
    pub(super) fn over_time(&self, window: Duration) -> Vec<f64> {
        let values = self.series().flat_map(|(_, series)| self.within(series, window));
        values.map(|(_, value)| value).collect()
    }

    fn within(&self, series: &'a Series, window: Duration) -> impl Iterator<Item = (i64, f64)> {
        let until = self.view.at_ms;
        series.within(until - millis(window), until)
    }

    /// `max(…)[window:step]`: the largest value as of each step.
    pub(super) fn max_over_time(self, window: Duration, step: Duration) -> Vec<f64> {
        let (until, step) = (self.view.at_ms, millis(step));
        let from = until - millis(window);
        let first = from.div_euclid(step) * step;
        let steps = (0..).map(|number| first + number * step).take_while(|at_ms| *at_ms <= until);
        let view =
            |at_ms| Selection { view: View { at_ms, ..self.view }, name: self.name, is: &self.is };
        steps.filter(|at_ms| *at_ms >= from).filter_map(|at_ms| view(at_ms).max()).collect()
    }
}

impl Series {
    /// The value as of a moment.
    fn latest(&self, at_ms: i64) -> Option<f64> {
        let later = self.0.partition_point(|(at, _)| *at <= at_ms);
        let (at, value) = *self.0.get(later.checked_sub(1)?)?;
        value.filter(|_| at > at_ms - LOOKBACK)
    }

    fn within(&self, from: i64, until: i64) -> impl Iterator<Item = (i64, f64)> {
        let first = self.0.partition_point(|(at, _)| *at < from);
        let end = self.0.partition_point(|(at, _)| *at <= until).max(first);
        self.0.range(first..end).filter_map(|(at, value)| Some((*at, (*value)?)))
    }

    /// By how much a counter has grown, extrapolated to the whole of a window; `None` with fewer
    /// than two values.
    #[expect(clippy::cast_precision_loss, reason = "times are some thousands of seconds apart")]
    fn increase(&self, from: i64, until: i64) -> Option<f64> {
        let samples: Vec<(i64, f64)> = self.within(from, until).collect();
        let (&(first_at, first), &(last_at, last)) = (samples.first()?, samples.last()?);
        if samples.len() < 2 {
            return None;
        }
        let resets = samples.windows(2).filter(|pair| pair[1].1 < pair[0].1).map(|pair| pair[0].1);
        let growth = last - first + resets.sum::<f64>();
        let span = (last_at - first_at) as f64;
        let between = span / (samples.len() - 1) as f64;
        let (mut before, after) = ((first_at - from) as f64, (until - last_at) as f64);
        if growth > 0.0 && first >= 0.0 {
            // A counter cannot have been below nothing.
            before = before.min(span * (first / growth));
        }
        let reach = |distance: f64| if distance < between * 1.1 { distance } else { between / 2.0 };
        Some(growth * (span + reach(before) + reach(after)) / span)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
