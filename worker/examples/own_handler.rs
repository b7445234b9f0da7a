//! A worker with one handler of its own, and its test: what the documentation shows.

use std::process::ExitCode;

use clap::Parser;
use shared::{shutdown, telemetry};
use worker::settings::WorkerSettings;
use worker::{Change, Context, HandlerResult, HubSpotEvent, ObjectType, Registry, RegistryError};

// docs: handler
/// Notes companies that are new. `?` would mean "try again later".
async fn on_company_created(cx: &Context, event: &HubSpotEvent) -> HandlerResult {
    // Done once, even if what follows fails and the event is tried again.
    let number: u64 = cx.step("number", async { Ok(event.object_id.unwrap_or_default()) }).await?;
    tracing::info!(company.id = number, origin = %cx.origin(), "a new company");
    Ok(())
}

fn register(registry: &mut Registry) -> Result<(), RegistryError> {
    let wanted = |event: &HubSpotEvent| event.is(ObjectType::Company, Change::Creation);
    registry.hubspot("on_company_created", wanted, on_company_created)?;
    Ok(())
}
// docs: end

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    worker: WorkerSettings,
}

#[tokio::main]
async fn main() -> ExitCode {
    let settings = Settings::parse().worker;
    let mut registry = Registry::new();
    let running = async {
        telemetry::init(&settings.log)?;
        register(&mut registry)?;
        worker::run(&settings, registry, shutdown::on_signal()?).await
    };
    match running.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("own_handler: {error:#}");
            ExitCode::from(2)
        }
    }
}

// docs: test
#[cfg(test)]
mod tests {
    use worker::settings::integrations::IntegrationSettings;
    use worker::trial::Trial;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_company_is_noted_once_though_its_event_comes_twice() -> anyhow::Result<()> {
        let mut registry = Registry::new();
        register(&mut registry)?;
        let trial = Trial::start(registry, IntegrationSettings::default()).await?;
        let event = r#"{"eventId":1,"portalId":62515,"subscriptionType":"company.creation",
            "objectId":7,"occurredAt":1790000000000}"#;
        assert_eq!(trial.deliver(event).await?, ["succeeded"]);
        assert_eq!(trial.deliver(event).await?, ["duplicate"]);
        trial.stop().await;
        Ok(())
    }
}
// docs: end
