//! The programs under test, as processes of this binary.

use clap::Parser;
use receiver::settings::ReceiverSettings;
use shared::{shutdown, telemetry};
use worker::parts::standalone::Standalone;
use worker::settings::{StandaloneSettings, WorkerSettings};
use worker::{Context, HandlerResult, Registry};

/// Settings come from the environment alone.
pub(crate) async fn receiver() {
    let settings = ReceiverSettings::parse_from(["receiver"]);
    telemetry::init(&settings.log).unwrap();
    receiver::run(&settings, shutdown::on_signal().unwrap()).await.unwrap();
}

#[derive(Parser)]
struct Worker {
    #[command(flatten)]
    settings: WorkerSettings,
}

/// A worker whose one handler does nothing.
pub(crate) async fn worker() {
    let settings = Worker::parse_from(["worker"]).settings;
    telemetry::init(&settings.log).unwrap();
    let mut registry = Registry::new();
    registry.add("nothing", |_| true, nothing).unwrap();
    worker::run(&settings, registry, shutdown::on_signal().unwrap()).await.unwrap();
}

#[derive(Parser)]
struct OneProcess {
    #[command(flatten)]
    settings: StandaloneSettings,
}

/// Everything in one process, whose one handler does nothing.
pub(crate) async fn standalone() {
    let settings = OneProcess::parse_from(["standalone"]).settings;
    telemetry::init(&settings.log).unwrap();
    let mut registry = Registry::new();
    registry.add("nothing", |_| true, nothing).unwrap();
    let shutdown = shutdown::on_signal().unwrap();
    let standalone = Standalone::start(&settings, registry).await.unwrap();
    shutdown.cancelled().await;
    standalone.stop().await;
}

async fn nothing(_: &Context, _: &shared::event::Event) -> HandlerResult {
    Ok(())
}
