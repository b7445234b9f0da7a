//! All rows with the columns that any of them has.

use super::{Report, Sample};

/// Its heading, its digits after the point, and what stands there.
type Column = (&'static str, usize, fn(&Sample) -> Option<f64>);

const COLUMNS: [Column; 11] = [
    ("events/s", 0, |sample| Some(sample.per_second())),
    ("own CPU µs/event", 1, Sample::own_cpu),
    ("RabbitMQ µs/event", 1, |sample| sample.micros_each(sample.broker_cpu)),
    ("Redis µs/event", 1, |sample| sample.micros_each(sample.redis_cpu)),
    ("load generator µs/event", 1, |sample| sample.micros_each(sample.load_cpu)),
    ("events/commit", 1, Sample::events_a_commit),
    ("KB written/event", 1, Sample::kilobytes_each),
    ("p50 ms", 1, |sample| sample.millis(|latency| latency.p50)),
    ("p99 ms", 1, |sample| sample.millis(|latency| latency.p99)),
    ("p99.9 ms", 1, |sample| sample.millis(|latency| latency.p999)),
    ("max ms", 1, |sample| sample.millis(|latency| latency.max)),
];

impl Report {
    pub(super) fn print_table(&self) {
        let names = self.names();
        let columns: Vec<&Column> = COLUMNS
            .iter()
            .filter(|(_, _, value)| names.iter().any(|name| self.median(name, value).is_some()))
            .collect();
        let headings: Vec<&str> = columns.iter().map(|(heading, ..)| *heading).collect();
        println!("| median of the rounds | {} | lost |", headings.join(" | "));
        println!("|---|{}", "---|".repeat(columns.len() + 1));
        for name in names {
            let cells: Vec<String> = columns
                .iter()
                .map(|&&(_, digits, value)| {
                    let value = self.median(name, value);
                    value.map_or_else(String::new, |value| format!("{value:.digits$}"))
                })
                .collect();
            let lost = self.lost(name).map_or_else(String::new, |lost| lost.to_string());
            println!("| {name} | {} | {lost} |", cells.join(" | "));
        }
        println!();
    }
}
