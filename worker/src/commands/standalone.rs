//! `worker standalone`: all of Hubline in one process, and what it says when it starts.

use std::process::ExitCode;

use clap::Args;
use shared::broker::Backlog;
use shared::{shutdown, telemetry, terminal};

use crate::demo::Demo;
use crate::handlers;
use crate::settings::StandaloneSettings;
use crate::standalone::{Standalone, absolute, reachable};

/// Takes deliveries and runs the handlers in this one process, with queues and ledger in one file:
/// no servers. What was answered 200 survives a crash and a loss of power.
///
/// With --demo it takes no setting at all: it plays HubSpot, Slack and the ERP itself, posts captured
/// deliveries, shows each event's way, and then takes what you send it until ^C.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  worker standalone --demo
  HUBSPOT_CLIENT_SECRET_FILE=/run/secrets/hubspot PUBLIC_URL=https://hooks.example.com \\
    worker standalone --data /var/lib/hubline

Only HUBSPOT_CLIENT_SECRET must be set. The app's webhook target URL at HubSpot is then
https://hooks.example.com/webhooks/hubspot. The data directory is the whole of the state: keep it
on a local disk. To move on to RabbitMQ and Redis, see `worker migrate --help`.")]
pub struct StandaloneCommand {
    /// Show captured deliveries on their way, in a data file that is thrown away afterwards
    #[arg(long)]
    demo: bool,
    /// End when the demo is over; exit 0 if all went as it should, else 1
    #[arg(long, requires = "demo")]
    once: bool,
    /// Everything else.
    #[command(flatten)]
    pub settings: StandaloneSettings,
}

impl StandaloneCommand {
    pub(super) async fn execute(self) -> anyhow::Result<ExitCode> {
        if self.demo {
            return show(self.once).await;
        }
        let settings = self.settings;
        if settings.endpoint.secrets().is_err() {
            terminal::complain(format_args!(
                "To look around without any settings: {} standalone --demo",
                program()
            ));
        }
        settings.check()?;
        telemetry::init(&settings.log)?;
        let registry = handlers::registry(&settings.processing.integrations)?;
        let shutdown = shutdown::on_signal()?;
        let standalone = Standalone::start(&settings, registry).await?;
        // Whoever started it may not listen, and it must go on all the same.
        let _ = terminal::say(introduction(&standalone, &settings).await.trim_end());
        let is_well = standalone.until(&shutdown).await;
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// The demo, to its end or until ^C.
async fn show(once: bool) -> anyhow::Result<ExitCode> {
    let shutdown = shutdown::on_signal()?;
    let mut demo = Demo::embedded().await?;
    let telling = async {
        let as_expected = demo.show().await?;
        if !once {
            demo.go_on(&program()).await?;
        }
        anyhow::Ok(as_expected)
    };
    let told = shutdown.run_until_cancelled(telling).await;
    demo.stop().await?;
    // ^C is a good end as well.
    let as_expected = told.transpose()?.unwrap_or(true);
    Ok(if as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How this program is called in another terminal, from whatever folder: by its name where it was
/// found by that, else by its whole path.
fn program() -> String {
    let called = std::env::args().next().unwrap_or_else(|| "worker".to_owned());
    if !called.contains('/') {
        return called;
    }
    std::env::current_exe().map_or(called, |file| file.display().to_string())
}

/// Where everything is, and how to send a first event.
async fn introduction(standalone: &Standalone, settings: &StandaloneSettings) -> String {
    let backlog = match standalone.backlog().await {
        Ok(Backlog { work, bulk, waiting, .. }) => {
            format!("{} to do, {waiting} waiting for a retry", work + bulk)
        }
        Err(error) => format!("cannot be counted: {error}"),
    };
    let path = &settings.endpoint.webhook_path;
    let url = format!("http://{}{path}", reachable(standalone.address()));
    let (public, signed) = match settings.endpoint.public_url.base() {
        Some(base) => (format!("{base}{path}"), format!(" --signed-url {base}{path}")),
        None => (
            format!("https://<the host that HubSpot calls>{path}: PUBLIC_URL is not set"),
            String::new(),
        ),
    };
    let mut lines = vec![
        format!("deliveries   http://{}{path}", standalone.address()),
        format!("at HubSpot   {public}"),
        format!("console      http://{}/", reachable(standalone.console_address())),
        format!("admin        http://{}/readyz, /metrics, /rejections", standalone.admin_address()),
        format!("data         {}: {backlog}", absolute(&settings.data).display()),
    ];
    lines.extend(standalone.integrations().iter().map(|line| {
        let (name, state) = line.split_once(": ").unwrap_or((line, ""));
        format!("{name:<12} {state}")
    }));
    format!(
        "Hubline {} is running.\n  {}\nA first event, with HUBSPOT_CLIENT_SECRET set as here:\n  \
         echo '[{{\"eventId\":1,\"portalId\":62515,\"subscriptionType\":\"contact.creation\",\
         \"objectId\":7,\"occurredAt\":1790000000000}}]' |\n    {program} send --url {url}{signed} -\n\
         What became of it:\n  {program} events --data {data}\n",
        env!("CARGO_PKG_VERSION"),
        lines.join("\n  "),
        program = program(),
        data = absolute(&settings.data).display(),
    )
}
