//! The programs under test, as processes of this binary.

use clap::{CommandFactory as _, Parser};
use receiver::Receiver;
use receiver::settings::ReceiverSettings;
use shared::retry::RetrySchedule;
use shared::{shutdown, telemetry};
use worker::parts::standalone::Standalone;
use worker::settings::{ProcessingSettings, RetrySettings, StandaloneSettings, WorkerSettings};
use worker::{Context, HandlerResult, Registry};

use super::process::say_listens;

/// As many as the programs are told.
pub(crate) const RETRY_ATTEMPTS: &str = "2";

/// Settings come from the environment alone.
pub(crate) async fn receiver() {
    let settings = ReceiverSettings::parse_from(["receiver"]);
    telemetry::init(&settings.log).unwrap();
    settings.check().unwrap();
    let shutdown = shutdown::on_signal().unwrap();
    let receiver = Receiver::start(&settings).unwrap();
    say_listens(receiver.address(), receiver.admin_address());
    shutdown.cancelled().await;
    receiver.stop().await;
}

#[derive(Parser)]
struct Worker {
    #[command(flatten)]
    settings: WorkerSettings,
}

/// A worker whose one handler does nothing; where there are tenants it has their routes alone.
pub(crate) async fn worker() {
    let settings = Worker::parse_from(["worker"]).settings;
    telemetry::init(&settings.log).unwrap();
    let registry = registry(&settings.processing);
    settings.check().unwrap();
    let shutdown = shutdown::on_signal().unwrap();
    let worker = worker::parts::Worker::start(&settings, registry).unwrap();
    // It listens nowhere else.
    say_listens(worker.admin_address(), worker.admin_address());
    shutdown.cancelled().await;
    worker.stop().await;
}

/// What `CONCURRENCY` is when nobody sets it.
pub(crate) fn default_concurrency() -> String {
    let command = Worker::command();
    let mut settings = command.get_arguments();
    let concurrency = settings.find(|setting| setting.get_id() == "concurrency").unwrap();
    concurrency.get_default_values()[0].to_str().unwrap().to_owned()
}

#[derive(Parser)]
struct Retry {
    #[command(flatten)]
    settings: RetrySettings,
}

/// The programs' retry schedule, with so many attempts.
pub(crate) fn schedule_of(attempts: &str) -> RetrySchedule {
    Retry::parse_from(["retry", "--retry-attempts", attempts]).settings.schedule().unwrap()
}

#[derive(Parser)]
struct OneProcess {
    #[command(flatten)]
    settings: StandaloneSettings,
}

/// Everything in one process, with the handlers of [`worker`].
pub(crate) async fn standalone() {
    let settings = OneProcess::parse_from(["standalone"]).settings;
    telemetry::init(&settings.log).unwrap();
    let registry = registry(&settings.processing);
    let shutdown = shutdown::on_signal().unwrap();
    let standalone = Standalone::start(&settings, registry).await.unwrap();
    say_listens(standalone.address(), standalone.admin_address());
    shutdown.cancelled().await;
    standalone.stop().await;
}

fn registry(settings: &ProcessingSettings) -> Registry {
    let mut registry = Registry::new();
    if settings.tenants.tenants_file.is_none() {
        registry.add("nothing", |_| true, nothing).unwrap();
    }
    registry
}

async fn nothing(_: &Context, _: &shared::event::Event) -> HandlerResult {
    Ok(())
}
