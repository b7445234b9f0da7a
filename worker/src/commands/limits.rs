//! `worker limits`: how much of each limit is used, who waits there, and which services are down.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use shared::harmless::harmless;
use shared::settings::parse_listener;

use super::data::Data;
use super::dead_letters::output::{exit_code, say, say_json};
use super::healthcheck::admin_of;
use crate::limits::{self, Seen, span};
use crate::standalone::reachable;

/// Shows each limit: how much of it is used, who waits and for how long, when the last one's turn comes,
/// and whether the service is called. All workers share the limits, so any of them tells.
#[derive(Args, Clone, Debug)]
pub struct LimitsCommand {
    /// The admin listener of a worker or standalone. Without it a standalone that runs here is asked on
    /// 127.0.0.1:9090, else a worker on 127.0.0.1:9091
    #[arg(long, env, value_parser = parse_listener)]
    admin_listen: Option<SocketAddr>,
    #[command(flatten)]
    data: Data,
    /// One JSON document a line, for another program
    #[arg(long)]
    json: bool,
}

impl LimitsCommand {
    pub(super) async fn execute(self) -> anyhow::Result<ExitCode> {
        Ok(exit_code(self.run().await.map(|()| true)))
    }

    async fn run(self) -> anyhow::Result<()> {
        let admin = reachable(admin_of(self.admin_listen, &self.data));
        let seen = limits::ask(admin).await.with_context(|| format!("{admin}"))?;
        if self.json {
            return seen.iter().try_for_each(say_json);
        }
        if seen.is_empty() {
            say("nobody has asked at a limit lately")?;
            return Ok(());
        }
        let width = seen.iter().map(|seen| seen.limit.chars().count()).max().unwrap_or(0).max(5);
        say(row(
            width,
            [
                "LIMIT",
                "COUNTED",
                "USED",
                "LIVE",
                "BULK",
                "OLDEST",
                "DRAINED IN",
                "HELD FOR",
                "BREAKER",
            ],
        ))?;
        for seen in &seen {
            say(line(width, seen))?;
        }
        Ok(())
    }
}

fn line(width: usize, seen: &Seen) -> String {
    let cells = [
        harmless(&seen.limit),
        seen.what(),
        seen.usage(),
        seen.waiting_live.to_string(),
        seen.waiting_bulk.to_string(),
        span(seen.oldest_ms),
        span(seen.drained_ms),
        span(seen.held_ms),
        seen.breaker_word().to_owned(),
    ];
    row(width, cells.each_ref().map(String::as_str))
}

fn row(width: usize, cells: [&str; 9]) -> String {
    let [limit, what, used, live, bulk, oldest, drained, held, breaker] = cells;
    let row = format!(
        "{limit:<width$}  {what:<18}  {used:>12}  {live:>6}  {bulk:>6}  {oldest:<12}  {drained:<12}  {held:<12}  {breaker}"
    );
    row.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Of;

    #[test]
    fn a_limit_is_a_line() {
        let seen = Seen::new(Of::Calls, "erp", [3, 200, 0, 41, 0, 65_000, 12_000, 4_000, 2]);
        let text = line(14, &seen);
        let words: Vec<_> = text.split_whitespace().collect();
        let expected =
            "erp calls at once 3 of 200 41 0 1m 5s 12s 4s open".split(' ').collect::<Vec<_>>();
        assert_eq!(words, expected);
    }
}
