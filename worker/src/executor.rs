//! What happens to one delivery: find its targets, run each under its own claim, settle.
//!
//! A file for each part of the way: `delivery` (what came), `dispatch` (for whom it is), `part` (one
//! target's share, from its claim to its end), `claim` and `gate` (who may run, and beside whom),
//! `perform` (the handler), `waiting` (not for ever), `settle` (carries a verdict out), `report` and `span`
//! (what is said of it), `hop` (what is still to wait). What a result means is decided by
//! [`crate::verdict`] alone.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use shared::broker::{Delivery, Publisher};
use shared::retry::{Ladder, RetrySchedule};
use shared::trace::Tracer;
use tokio_util::sync::CancellationToken;

use crate::ages::Ages;
use crate::clients::Clients;
use crate::ledger::Ledger;
use crate::metrics::{Counts, WorkerMetrics};
use crate::portals::Portals;
use crate::records::{Log, Records};
use crate::router::Router;
use crate::settings::UnknownTenant;
use crate::strangers::Strangers;
use crate::target::Target;
use crate::turns::{Costs, Seats};
use crate::verdict::Verdict;

mod claim;
mod delivery;
mod dispatch;
mod disposition;
mod gate;
mod hop;
mod line;
mod own_writes;
mod part;
mod perform;
mod report;
mod settle;
mod span;
mod waiting;

use disposition::Disposition;
pub(crate) use gate::Gate;
pub(crate) use own_writes::OwnWrites;

/// How long interrupted runs have to give back what they hold.
pub(crate) const GIVE_BACK: Duration = Duration::from_secs(3);

/// The label of what no handler was run for.
pub(crate) fn no_handler() -> &'static Arc<str> {
    static NONE: LazyLock<Arc<str>> = LazyLock::new(|| "none".into());
    &NONE
}

/// Everything a delivery needs on its way through a worker.
#[derive(Debug)]
pub(crate) struct Executor {
    pub(crate) router: Router,
    pub(crate) clients: Arc<Clients>,
    pub(crate) ledger: Arc<Ledger>,
    /// Where it is kept what became of each delivery, if anywhere.
    pub(crate) log: Option<Log>,
    /// What handlers may erase from, if records are kept.
    pub(crate) records: Option<Records>,
    pub(crate) publisher: Publisher,
    pub(crate) schedule: RetrySchedule,
    /// The schedule's.
    pub(crate) ladder: Ladder,
    pub(crate) metrics: WorkerMetrics,
    pub(crate) ages: Arc<Ages>,
    pub(crate) tracer: Tracer,
    pub(crate) handler_timeout: Duration,
    /// How long a step that is under way may take to end once its run's time is up.
    pub(crate) step_timeout: Duration,
    /// How long a run may wait for room.
    pub(crate) wait_max: Duration,
    /// How many requests runs make.
    pub(crate) costs: Arc<Costs>,
    /// Where runs wait whose turn is near.
    pub(crate) seats: Arc<Seats>,
    /// What is done with the app's own writes.
    pub(crate) own_writes: OwnWrites,
    /// What becomes of events that are no tenant's, where there are tenants.
    pub(crate) unknown_tenant: UnknownTenant,
    pub(crate) strangers: Arc<Strangers>,
    pub(crate) portals: Portals,
    pub(crate) gate: Gate,
    /// Cancelled when shutdown can wait no longer.
    pub(crate) interrupt: CancellationToken,
}

impl Executor {
    /// What is counted of a target's runs.
    fn counts<'a>(&self, target: &'a Target) -> &'a Counts {
        target.counts(|name| self.metrics.of(name, &Verdict::ALL.map(Verdict::as_str)))
    }

    /// Sees one delivery through to its end.
    pub(crate) async fn process(&self, delivery: Delivery) {
        self.metrics.in_flight.inc();
        let Delivery { message, lane, rest, settlement } = delivery;
        let disposition = match message {
            Ok(message) if !rest.is_zero() => Box::pin(self.hop(message, lane, rest)).await,
            message => match delivery::read(message) {
                Ok(message) => self.dispatch(&message, lane).await,
                Err(unreadable) => {
                    let (message, error) = *unreadable;
                    Box::pin(self.unreadable(&message, &error, lane)).await
                }
            },
        };
        match disposition {
            Disposition::Ack => settlement.ack(),
            Disposition::Requeue => {
                self.metrics.requeued(u64::from(!settlement.is_lost()));
                settlement.requeue();
            }
        }
        self.metrics.in_flight.dec();
    }
}
