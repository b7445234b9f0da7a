//! Hubline beside its peers, as ratios.

use super::{Report, Sample};

impl Report {
    /// One table of all `contenders`, Hubline first, by what is measured of each.
    pub(crate) fn print_peers(&self, contenders: &[[&'static str; 3]]) {
        self.print_facts();
        println!(
            "| median of the rounds | events/s | Hubline / it | own CPU µs/event | it / Hubline | servers µs/event | load generator µs/event | p50 / p99 ms | lost |"
        );
        println!("|---|---|---|---|---|---|---|---|---|");
        for (kind, ours) in contenders[0].iter().enumerate() {
            for rows in contenders {
                self.print_beside(rows[kind], ours);
            }
        }
        println!();
        println!(
            "own CPU: the program's by itself, without RabbitMQ and Redis, which are the servers"
        );
        println!("each is one process: Hubline has a thread for each core, Node one for its code");
        println!("workers: the peers set one key for each event, Hubline claims and completes it");
        println!("lost: events answered 200 that were not in the queue, of all rounds");
    }

    fn print_beside(&self, name: &str, ours: &str) {
        let figure =
            |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.1}"));
        let times =
            |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.2}"));
        let rate = self.median(name, |sample| Some(sample.per_second())).unwrap_or_default();
        let faster = times(self.ratio(ours, name, |sample| Some(sample.per_second())));
        let cpu = figure(self.median(name, Sample::own_cpu));
        let dearer = times(self.ratio(name, ours, Sample::own_cpu));
        let servers = figure(self.median(name, |sample| {
            let (broker, redis) = (sample.broker_cpu, sample.redis_cpu);
            sample.micros_each(Some(broker.unwrap_or_default() + redis.unwrap_or_default()))
        }));
        let load = figure(self.median(name, |sample| sample.micros_each(sample.load_cpu)));
        let p50 = self.median(name, |sample| sample.millis(|latency| latency.p50));
        let p99 = self.median(name, |sample| sample.millis(|latency| latency.p99));
        let latency =
            p50.zip(p99).map_or_else(String::new, |(p50, p99)| format!("{p50:.1} / {p99:.1}"));
        let lost = self.lost(name).map_or_else(String::new, |lost| format!("{lost}"));
        println!(
            "| {name} | {rate:.0} | {faster} | {cpu} | {dearer} | {servers} | {load} | {latency} | {lost} |"
        );
    }
}
