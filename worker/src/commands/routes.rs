//! `worker routes test`: what a route would do with events, without doing it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use bytes::Bytes;
use clap::{Args, Subcommand};
use reqwest::header::{HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::Value;
use shared::event::Event;
use shared::harmless::harmless;
use shared::origin::Sender;

use super::dead_letters::output::{exit_code, say, say_json};
use super::input::bytes_of;
use super::tenants::Reading;
use crate::directory::Directory;
use crate::forward::{Outlet, Parcel, Sink, outgoing};
use crate::rehearsal::Rehearsal;
use crate::tenants::Route;

/// A header whose name has one of these in it is not shown.
const SECRET: [&str; 4] = ["secret", "token", "authorization", "key"];

/// Looks at routes of a file of tenants.
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
  worker routes test --tenants-file tenants.toml --route acme-deals delivery.json")]
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
    reading: Reading,
}

/// What becomes of one event.
#[derive(Serialize)]
struct Tested {
    event: String,
    topic: String,
    origin: String,
    is_taken: bool,
    why: Vec<String>,
    request: Option<Request>,
    row: Option<Row>,
}

/// A request without its secrets.
#[derive(Serialize)]
struct Request {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// What is written into a table.
#[derive(Serialize)]
struct Row {
    statement: String,
    values: String,
}

impl RoutesCommand {
    pub(super) async fn execute(self) -> ExitCode {
        let Action::Test(test) = &self.action;
        exit_code(test.run().await.map(|()| true))
    }
}

impl Test {
    async fn run(&self) -> anyhow::Result<()> {
        let file = self.reading.file()?;
        let directory = self.reading.read(file)?;
        let route =
            directory.tenants.routes.get(&self.route).with_context(|| {
                format!("there is no route {:?} in {}", self.route, file.display())
            })?;
        let record = self.record.as_deref().map(properties_of).transpose()?;
        for file in &self.events {
            for event in events_of(file).with_context(|| file.display().to_string())? {
                let tested = tested(&directory, route, &event, record.as_ref()).await;
                if self.json { say_json(&tested)? } else { tell(&tested)? }
            }
        }
        Ok(())
    }
}

fn properties_of(file: &Path) -> anyhow::Result<Value> {
    let named = || file.display().to_string();
    let properties: Value =
        serde_json::from_slice(&bytes_of(file).with_context(named)?).with_context(named)?;
    anyhow::ensure!(properties.is_object(), "{} is no JSON object", named());
    Ok(properties)
}

fn events_of(file: &Path) -> anyhow::Result<Vec<Event>> {
    let bytes = Bytes::from(bytes_of(file)?);
    let bodies = if bytes.trim_ascii_start().starts_with(b"[") {
        Sender::HubSpot.split(&bytes)?
    } else {
        vec![bytes.slice_ref(bytes.trim_ascii())]
    };
    bodies.iter().map(|body| Ok(Sender::HubSpot.identify(body)?)).collect()
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
    let (mut request, mut row) = (None, None);
    if let Some((outlet, body)) = outlet.zip(body) {
        let parcel = Parcel { route: &route.name, event, body };
        match &outlet.sink {
            Sink::Postgres(store) => match store.row(&parcel) {
                Ok(crate::destination::postgres::Row { statement, values }) => {
                    row = Some(Row { statement, values });
                }
                Err(error) => why.push(error.to_string()),
            },
            Sink::Http(_) | Sink::Slack(_) => request = shown(outlet, &parcel),
        }
    }
    Tested {
        event: event.identity.to_string(),
        topic: event.topic.to_string(),
        origin: event.origin.to_string(),
        is_taken,
        why,
        request,
        row,
    }
}

fn shown(outlet: &Outlet, parcel: &Parcel<'_>) -> Option<Request> {
    let body = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match &outlet.sink {
        Sink::Http(endpoint) => {
            let request = outgoing(endpoint, outlet.timeouts, parcel);
            Some(Request {
                method: request.method.to_string(),
                url: request.url.to_string(),
                headers: request.headers.iter().map(header).collect(),
                body: body(&request.body),
            })
        }
        // Its whole address is a secret.
        Sink::Slack(webhook) => Some(Request {
            method: "POST".to_owned(),
            url: webhook.as_ref().map(ToString::to_string).unwrap_or_default(),
            headers: vec![("content-type".to_owned(), parcel.body.content_type.to_owned())],
            body: body(&parcel.body.bytes),
        }),
        Sink::Postgres(_) => None,
    }
}

fn header((name, value): (&HeaderName, &HeaderValue)) -> (String, String) {
    let is_secret = value.is_sensitive() || SECRET.iter().any(|word| name.as_str().contains(word));
    let is_ours = name.as_str() == "idempotency-key";
    let value = if is_secret && !is_ours {
        "[secret]".to_owned()
    } else {
        value.to_str().unwrap_or_default().to_owned()
    };
    (name.as_str().to_owned(), value)
}

fn tell(tested: &Tested) -> anyhow::Result<()> {
    let Tested { event, topic, origin, is_taken, why, request, row } = tested;
    let verdict = if *is_taken { "goes out" } else { "does not go this way" };
    say(format_args!("{} of {origin}, {event}: {verdict}", harmless(topic)))?;
    for line in why {
        say(format_args!("  {}", harmless(line)))?;
    }
    if let Some(Request { method, url, headers, body }) = request {
        say(format_args!("  {method} {}", harmless(url)))?;
        for (name, value) in headers {
            say(format_args!("  {name}: {}", harmless(value)))?;
        }
        say(format_args!("\n  {}", harmless(body)))?;
    }
    if let Some(Row { statement, values }) = row {
        say(format_args!("  {}\n\n  {}", harmless(statement), harmless(values)))?;
    }
    Ok(())
}
