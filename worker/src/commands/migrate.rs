//! `worker migrate`: from one process to a cluster, and what it says on the way.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::fmt::{Arguments, Display};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use secrecy::SecretString;
use shared::settings::{BrokerSettings, LogSettings, parse_duration};
use shared::{shutdown, telemetry, terminal};
use tokio_util::sync::CancellationToken;

use crate::count::count;
use crate::ledger::check_redis_url;
use crate::migrate::{Cluster, Destination, Inventory, Moved, Patience, Source, run};
use crate::records::{Carried, Records};
use crate::settings::{RecordsSettings, RedisSettings, RetrySettings};
use crate::standalone::absolute;

/// Moves what a stopped `worker standalone` has into a cluster: its ledger to Redis, then its
/// messages to RabbitMQ, dead letters too; and of its records, into the cluster's, who was erased for
/// privacy, the audit, notes and jobs. Loses none and has none done twice.
///
/// May be ended and run again at any point: it goes on where it was.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  worker migrate --from /var/lib/hubline --dry-run
  AMQP_URL_FILE=/run/secrets/amqp REDIS_URL_FILE=/run/secrets/redis \\
    DATABASE_URL_FILE=/run/secrets/database worker migrate --from /var/lib/hubline

AMQP_URL, REDIS_URL, DATABASE_URL, PREFIX, WORK_SHARDS and RETRY_… must be those of the cluster's receivers and
workers. Stop standalone before, and start them after it: docs/embedded.md has all steps. It may be
ended and run again at any point, and goes on where it was.")]
pub struct MigrateCommand {
    /// Data directory of the standalone that is stopped
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// RabbitMQ's address, instead of AMQP_URL and AMQP_URL_FILE; flags show in process lists
    #[arg(long, value_name = "AMQP_URL")]
    to: Option<SecretString>,
    /// Only count what there is: no server is asked and nothing is changed
    #[arg(long)]
    dry_run: bool,
    /// Leave the records behind, but for dead letters: the cluster keeps none
    #[arg(long)]
    without_records: bool,
    /// How long a server that does not answer is waited for
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    wait: Duration,
    /// RabbitMQ.
    #[command(flatten)]
    broker: BrokerSettings,
    /// Redis.
    #[command(flatten)]
    redis: RedisSettings,
    /// The retry schedule.
    #[command(flatten)]
    retry: RetrySettings,
    /// The cluster's records.
    #[command(flatten)]
    records: RecordsSettings,
    /// Logging.
    #[command(flatten)]
    log: LogSettings,
}

impl MigrateCommand {
    pub(super) async fn execute(self) -> anyhow::Result<ExitCode> {
        let destination = self.destination()?;
        Source::check(&self.from)?;
        telemetry::init(&self.log)?;
        let interrupt = shutdown::on_signal()?;
        let source = match Source::open(&self.from).await {
            Ok(source) => source,
            Err(error) => return Ok(failed(&error)),
        };
        let migrated = self.migrate(&source, destination, interrupt).await;
        source.close().await;
        Ok(migrated.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS))
    }

    /// Checks the settings.
    fn destination(&self) -> anyhow::Result<Destination> {
        let mut broker = self.broker.clone();
        if let Some(to) = &self.to {
            broker.amqp_url = to.clone();
            broker.amqp_url_file = None;
        }
        broker.hosts()?;
        let records = match self.records.url()? {
            Some(url) if !self.without_records => Some(Records::new(&url)?),
            _ => None,
        };
        let (redis_url, schedule) = (self.redis.url()?, self.retry.schedule()?);
        check_redis_url(&redis_url)?;
        Ok(Destination { broker, redis_url, schedule, records })
    }

    async fn migrate(
        &self,
        source: &Source,
        destination: Destination,
        interrupt: CancellationToken,
    ) -> anyhow::Result<()> {
        let directory = absolute(&self.from);
        let directory = directory.display();
        let inventory = source.inventory().await?;
        say(format_args!("{directory} has {}.", contents(&inventory)));
        if self.dry_run {
            say(format_args!("Nothing was changed: this was a dry run."));
            return Ok(());
        }
        let has_records = !inventory.records.is_nothing();
        if inventory.messages() + inventory.entries + inventory.letters == 0 && !has_records {
            say(format_args!("There is nothing to do."));
            return Ok(());
        }
        anyhow::ensure!(
            !has_records || self.without_records || destination.records.is_some(),
            "the records in {directory} must not stay behind: give DATABASE_URL, the cluster's, or \
             --without-records if it has none; nothing was changed"
        );
        let names = format!(
            "PREFIX={} and WORK_SHARDS={}",
            destination.broker.prefix, destination.broker.work_shards
        );
        say(format_args!(
            "It goes to {} and {}, with {names}.",
            destination.rabbitmq()?,
            destination.redis()?
        ));
        let patience = Patience { limit: self.wait, interrupt };
        let cluster = Cluster::connect(destination, patience)
            .await
            .map_err(|error| ended(&error, "nothing was changed"))?;
        let state = format!("what is not moved is still in {directory}: run it again to go on");
        let moved = run(source, &inventory, &cluster).await;
        cluster.close().await;
        let moved = moved.map_err(|error| ended(&error, &state))?;
        summarise(&moved);
        say(format_args!(
            "Next: start receivers and workers with {names}, and point HubSpot's target URL at the \
             receivers. {directory} can be removed once records.db in it is kept elsewhere or not \
             wanted: the event log in it, and letters that were discarded or resolved, are not moved."
        ));
        Ok(())
    }
}

fn ended(error: &impl Display, state: &str) -> anyhow::Error {
    anyhow::anyhow!("{error:#}; {state}")
}

fn contents(inventory: &Inventory) -> String {
    let backlog = inventory.backlog;
    format!(
        "{} to be worked on, {} of the bulk lane, {} waiting for a retry, {}, {}; in its records {}",
        count(backlog.work, "event", "events"),
        backlog.bulk,
        backlog.waiting,
        count(backlog.dead + inventory.letters, "dead letter", "dead letters"),
        count(inventory.entries, "ledger entry", "ledger entries"),
        of_records(inventory.records)
    )
}

fn of_records(records: Carried) -> String {
    let Carried { erased, audit, notes, jobs, tenants, installations } = records;
    let portals = match installations {
        0 => String::new(),
        _ => format!(", and {} of the app", count(installations, "installation", "installations")),
    };
    format!(
        "{}, {}, {} of the audit, {} and {}{portals}",
        count(erased, "erased contact", "erased contacts"),
        count(tenants, "section of tenants", "sections of tenants"),
        count(audit, "line", "lines"),
        count(notes, "note", "notes"),
        count(jobs, "job", "jobs")
    )
}

fn summarise(moved: &Moved) {
    let Moved { entries_written, entries_there, messages, unreadable, letters, records } = *moved;
    if !records.is_nothing() {
        say(format_args!("Into the cluster's records: {}.", of_records(records)));
    }
    if entries_written + messages + letters == 0 {
        say(format_args!(
            "There was nothing left to do: all ledger entries are there, {entries_there} of them."
        ));
        return;
    }
    say(format_args!(
        "{} written, {entries_there} there already.",
        count(entries_written, "ledger entry", "ledger entries")
    ));
    say(format_args!(
        "{} published, confirmed and deleted.",
        count(messages, "message", "messages")
    ));
    if letters > 0 {
        say(format_args!(
            "{} of the records published and confirmed, and discarded here.",
            count(letters, "dead letter", "dead letters")
        ));
    }
    if unreadable > 0 {
        say(format_args!("{unreadable} of them could not be read, and went to the dead letters."));
    }
}

/// A line on standard output. If that is closed the work goes on all the same.
fn say(line: Arguments<'_>) {
    let _ = terminal::say(line);
}

fn failed(error: &anyhow::Error) -> ExitCode {
    terminal::complain(format_args!("worker: {error:#}"));
    ExitCode::FAILURE
}
