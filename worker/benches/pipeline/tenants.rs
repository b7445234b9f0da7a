//! Tenants: what it costs to forward an event, what filters and templates add to that, what one tenant's
//! trouble is to all others, and one record's where their order is kept. On RabbitMQ and Redis, and in one process.

mod arrivals;
mod choices;
mod destinations;
mod file;
mod forwarding;
mod neighbours;
mod order;
mod setting;

use super::machine;
use super::report::Report;
use super::scale::Scale;

pub(crate) async fn run(scale: Scale, prefix: &str) -> Report {
    let mut report = Report::on(machine::servers(scale).await);
    neighbours::warm_up(scale, prefix).await;
    for round in 1..=scale.rounds() {
        eprintln!("round {round} of {}", scale.rounds());
        choices::measure(scale, &mut report).await;
        let prefix = format!("{prefix}.{round}");
        forwarding::measure(round, scale, &prefix, &mut report).await;
        neighbours::measure(scale, &prefix, &mut report).await;
        order::measure(round, scale, &prefix, &mut report).await;
    }
    report
}
