//! `worker routes test`: what a route would do with events, without doing it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;
use shared::event::Event;
use shared::harmless::harmless;

use super::dead_letters::output::{exit_code, say, say_json};
use super::given::{events_in, properties_in};
use super::shown::Shown;
use super::tenants::Whence;
use crate::directory::Directory;
use crate::forward::Parcel;
use crate::rehearsal::Rehearsal;
use crate::tenants::Route;

/// Looks at routes, of a file of tenants or as the records have them.
#[derive(Args, Clone, Debug)]
pub struct RoutesCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// Say for each event whether the route takes it and why, and show what would go out
    Test(Test),
}

/// For each event: whether it is for the route's tenant, what the filter says of it and why, and the request,
/// the message or the row as it would go out. Nothing is sent, and nothing is read from HubSpot: stages have the
/// default pipeline's labels, and links lead to app.hubspot.com.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
A file of events holds one event or a batch, as HubSpot posts it; `-` is standard input.

Example:
  worker routes test --tenants-file tenants.toml --route acme-deals delivery.json
  worker routes test --route acme-deals delivery.json     as the records have it, without TENANTS_FILE")]
struct Test {
    /// The route
    #[arg(long, value_name = "NAME")]
    route: String,
    /// Files of events
    #[arg(required = true, value_name = "FILE")]
    events: Vec<PathBuf>,
    /// File with the record's properties as a JSON object, where filter or template ask for them: nothing
    /// is read from HubSpot
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// One JSON document a line, for another program
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    whence: Whence,
}

/// What becomes of one event.
#[derive(Serialize)]
struct Tested {
    event: String,
    topic: String,
    origin: String,
    is_taken: bool,
    why: Vec<String>,
    #[serde(flatten)]
    shown: Shown,
}

impl RoutesCommand {
    pub(super) async fn execute(self) -> ExitCode {
        let Action::Test(test) = &self.action;
        exit_code(test.run().await.map(|()| true))
    }
}

impl Test {
    async fn run(&self) -> anyhow::Result<()> {
        let directory = self.whence.read(None).await?;
        let route =
            directory.tenants.routes.get(&self.route).with_context(|| {
                format!("there is no route {:?} in {}", self.route, directory.file)
            })?;
        let record = self.record.as_deref().map(properties_in).transpose()?;
        for file in &self.events {
            for event in events_in(file).with_context(|| file.display().to_string())? {
                let tested = tested(&directory, route, &event, record.as_ref()).await;
                if self.json { say_json(&tested)? } else { tell(&tested)? }
            }
        }
        Ok(())
    }
}

async fn tested(
    directory: &Directory,
    route: &Route,
    event: &Event,
    record: Option<&Value>,
) -> Tested {
    let Rehearsal { mut why, body } = Rehearsal::of(&directory.tenants, route, event, record).await;
    let outlet = directory.outlet(&route.destination);
    if outlet.is_some_and(|outlet| outlet.is_unusable) {
        why.push("the destination cannot be used yet: see worker tenants check".to_owned());
    }
    let is_taken = body.is_some();
    let mut shown = Shown::default();
    if let Some((outlet, body)) = outlet.zip(body) {
        match outlet.ready(&Parcel::of(&route.name, event, body)) {
            Ok(ready) => shown = Shown::of(&ready),
            Err(error) => why.push(error.to_string()),
        }
    }
    Tested {
        event: event.identity.to_string(),
        topic: event.topic.to_string(),
        origin: event.origin.to_string(),
        is_taken,
        why,
        shown,
    }
}

fn tell(tested: &Tested) -> anyhow::Result<()> {
    let Tested { event, topic, origin, is_taken, why, shown } = tested;
    let verdict = if *is_taken { "goes out" } else { "does not go this way" };
    say(format_args!("{} of {origin}, {event}: {verdict}", harmless(topic)))?;
    for line in why {
        say(format_args!("  {}", harmless(line)))?;
    }
    if shown.is_any() { Ok(say(shown)?) } else { Ok(()) }
}
