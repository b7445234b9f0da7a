//! `worker tenants test`: an event goes out to a destination for real, and what it answers is told.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use shared::event::Event;
use shared::harmless::harmless;

use super::outcome::{Means, Outcome};
use super::place::Whence;
use super::sample::sample;
use super::trying::Trying;
use crate::clients::destinations::Destinations;
use crate::commands::dead_letters::output::{answered, say, say_json};
use crate::commands::given::{events_in, properties_in};
use crate::commands::shown::Shown;
use crate::count::count;
use crate::forward::{Parcel, Sink};
use crate::rehearsal::Rehearsal;
use crate::settings::SecretsKeySettings;

/// So many events are sent at the most: more is no test.
const MOST: usize = 20;

/// Really send an event to a destination, and say what it answers
///
/// It goes out as a worker would send it: with its secrets, signature, headers, timeouts, and only to what may be
/// called. An endpoint is called, a message posted to a channel, a row written into a table.
///
/// Without a FILE the event is made up for the destination's tenant: a deal that was moved to another stage, of a
/// record that there is none. It goes out as it came; to a channel as slack-event, to a table as flat-record. With
/// --route it goes out as that route's filter and template make it.
///
/// No limit and no breaker counts it, nothing of it is in the event log, and what is paused is tested all the
/// same. Run it where a worker runs, or the secrets and the network are others.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "\
webhook-id and Idempotency-Key begin with test_, and so does what names a row; they are others each time.
Nothing is read from HubSpot: give a record's properties with --record.

Examples:
  worker tenants test acme-crm
  worker tenants test acme-crm --route acme-deals
  worker tenants test acme-crm delivery.json             events of your own; - is standard input
  worker tenants test shared-archive --tenant acme       of a destination of all
  worker tenants test acme-crm --tenants-file new.toml --json

Exit codes: 0 all are done, 1 not.",
    mut_arg("no_secrets", |argument| argument.hide(true))
)]
pub(super) struct Test {
    /// The destination
    destination: String,
    /// Files of events, each with one or a batch, as HubSpot posts it
    #[arg(value_name = "FILE")]
    events: Vec<PathBuf>,
    /// Send what this route makes of the event
    #[arg(long, value_name = "NAME")]
    route: Option<String>,
    /// The tenant whose event is made up, for a destination of all
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// File with the record's properties as a JSON object, where filter or template ask for them
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// One JSON document a line, for another program
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: SecretsKeySettings,
    #[command(flatten)]
    whence: Whence,
}

/// What became of one event.
#[derive(Serialize)]
struct Tested<'a> {
    destination: &'a str,
    /// What names it: `webhook-id`, or the row.
    test: Option<String>,
    event: String,
    topic: String,
    origin: String,
    is_sent: bool,
    why: Vec<String>,
    #[serde(flatten)]
    shown: Shown,
    #[serde(flatten)]
    outcome: Option<Outcome>,
    duration_ms: Option<u64>,
}

impl Test {
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        let destinations = self.whence.reading.destinations()?;
        let keys = self.keys.keys()?;
        let directory = self.whence.read_opened(keys.as_ref()).await?;
        let trying = Trying::of(
            &directory,
            &self.destination,
            self.route.as_deref(),
            self.tenant.as_deref(),
        )?;
        let record = self.record.as_deref().map(properties_in).transpose()?;
        let events = self.events(&trying)?;
        let mut failed = 0;
        for event in &events {
            let tested = tested(&trying, &destinations, event, record.as_ref()).await;
            failed += usize::from(!tested.is_done());
            if self.json { say_json(&tested)? } else { tested.tell()? }
        }
        if !self.json {
            say("\nno limit and no breaker counts this, and nothing of it is in the event log")?;
        }
        let of = count(events.len(), "event", "events");
        anyhow::ensure!(failed == 0, "{failed} of {of} did not arrive: see above");
        Ok(())
    }

    /// Those of the files, or one that is made up.
    fn events(&self, trying: &Trying<'_>) -> anyhow::Result<Vec<Event>> {
        if self.events.is_empty() {
            return Ok(vec![sample(&trying.tenant()?.origin)?]);
        }
        let mut events = Vec::new();
        for file in &self.events {
            events.extend(events_in(file).with_context(|| file.display().to_string())?);
        }
        anyhow::ensure!(
            !events.is_empty(),
            "there is no event in what was given: nothing was sent"
        );
        anyhow::ensure!(
            events.len() <= MOST,
            "there are {} events, and a test sends {MOST} at the most: nothing was sent",
            events.len()
        );
        Ok(events)
    }
}

async fn tested<'a>(
    trying: &Trying<'a>,
    destinations: &Destinations,
    event: &Event,
    record: Option<&Value>,
) -> Tested<'a> {
    let Trying { tenants, route, outlet } = trying;
    let Rehearsal { mut why, body } = Rehearsal::of(tenants, route, event, record).await;
    why.extend(trying.notes(event));
    let mut tested = Tested {
        destination: &outlet.name,
        test: None,
        event: event.identity.to_string(),
        topic: event.topic.to_string(),
        origin: event.origin.to_string(),
        is_sent: false,
        why,
        shown: Shown::default(),
        outcome: None,
        duration_ms: None,
    };
    let Some(body) = body else { return tested };
    let parcel = Parcel::test(body);
    tested.test = Some(parcel.name().to_owned());
    let sent = match outlet.ready(&parcel) {
        Ok(ready) => {
            tested.shown = Shown::of(&ready);
            tested.is_sent = true;
            let started = Instant::now();
            let sent = ready.send(destinations, &outlet.name, outlet.timeouts).await;
            tested.duration_ms = Some(in_ms(started.elapsed()));
            sent
        }
        // It is no row.
        Err(error) => Err(error),
    };
    let mut outcome = Outcome::of(sent);
    if outcome.meaning == Means::Done {
        outcome.says += made(&outlet.sink, parcel.name()).as_deref().unwrap_or_default();
    }
    tested.outcome = Some(outcome);
    tested
}

/// What there is now that was not there before.
fn made(sink: &Sink, test: &str) -> Option<String> {
    match sink {
        Sink::Http(_) => None,
        Sink::Slack(_) => Some(": there is a message of this test in the channel now".to_owned()),
        Sink::Postgres(store) => {
            let named = format_args!("{} = '{test}'", store.key);
            Some(format!(": there is a row of this test in the table now, with {named}"))
        }
    }
}

fn in_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Tested<'_> {
    fn is_done(&self) -> bool {
        self.outcome.as_ref().is_some_and(|outcome| outcome.meaning == Means::Done)
    }

    fn tell(&self) -> anyhow::Result<()> {
        let (topic, to) = (harmless(&self.topic), self.destination);
        say(format_args!("{topic} of {} to {to}, as a test", self.origin))?;
        for line in &self.why {
            say(format_args!("  {}", harmless(line)))?;
        }
        if self.shown.is_any() {
            say(&self.shown)?;
        }
        let Some(outcome) = &self.outcome else {
            return Ok(say(
                "nothing was sent: give an event that goes this way in a FILE, and with --record what the route asks \
                 of the record",
            )?);
        };
        let status = outcome.status.map(|status| format!("{status} ")).unwrap_or_default();
        let took = self.duration_ms.map(|ms| format!("after {ms} ms, ")).unwrap_or_default();
        say(format_args!("\n{status}{took}{}", harmless(&outcome.says)))?;
        if let Some(error) = &outcome.error {
            let code = outcome.code.as_deref().unwrap_or_default();
            say(format_args!("  {code}: {}", harmless(error)))?;
        }
        if outcome.answer.is_empty() { Ok(()) } else { Ok(say(answered(&outcome.answer))?) }
    }
}
