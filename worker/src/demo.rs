//! The demo: captured deliveries on their way through a real Hubline, with the third parties
//! played by [`crate::stand_ins`].
//!
//! Slack fails at first, the ERP refuses orders for good, and one of two tenants' destinations is down: what
//! is retried, what is remembered, what waits and what becomes a dead letter can be watched.

use std::time::Duration;

use anyhow::Context as _;
use shared::senders::hubspot::signature::{ClientSecret, Version};
use tokio::sync::mpsc;

use crate::poster::Poster;
use crate::stand_ins::{Fault, StandIns};

/// A line on standard output. Whoever watches may have left: that ends nothing.
macro_rules! say {
    ($($words:tt)*) => {{
        let _ = shared::terminal::say(format_args!($($words)*));
    }};
}

mod deliveries;
mod embedded;
mod processes;
mod secret_file;
mod story;
mod tenants;

use embedded::Embedded;
use processes::Processes;
pub(crate) use processes::Servers;
use story::{Line, Story};

/// The whole show takes a few seconds; longer means that something is wrong.
const PATIENCE: Duration = Duration::from_secs(90);

/// Everything running, before the first delivery.
pub(crate) struct Demo {
    stand_ins: StandIns,
    running: Running,
    lines: mpsc::UnboundedReceiver<String>,
    poster: Poster,
    story: Story,
    /// Calls of the stand-ins that were told of.
    told: u64,
    /// Whether the destination that was down is up again.
    is_mended: bool,
}

enum Running {
    Cluster(Box<Processes>),
    Embedded(Box<Embedded>),
}

impl Demo {
    /// The stand-ins, a receiver and a worker, on servers.
    pub(crate) async fn on_servers(servers: &Servers) -> anyhow::Result<Self> {
        let (stand_ins, secret) = (stage().await?, secret());
        let (processes, lines) = Processes::start(servers, &stand_ins, &secret).await?;
        let url = processes.receiver_url();
        Self::new(stand_ins, Running::Cluster(Box::new(processes)), lines, &url, secret)
    }

    /// The stand-ins and all of Hubline, in this process.
    pub(crate) async fn embedded() -> anyhow::Result<Self> {
        let (stand_ins, secret) = (stage().await?, secret());
        let (embedded, lines) = Embedded::start(&stand_ins, &secret).await?;
        let url = embedded.receiver_url();
        Self::new(stand_ins, Running::Embedded(Box::new(embedded)), lines, &url, secret)
    }

    fn new(
        stand_ins: StandIns,
        running: Running,
        lines: mpsc::UnboundedReceiver<String>,
        url: &str,
        secret: String,
    ) -> anyhow::Result<Self> {
        let poster = Poster::new(url, None, ClientSecret::new(secret)?, Version::V3)?;
        Ok(Self {
            stand_ins,
            running,
            lines,
            poster,
            story: Story::default(),
            told: 0,
            is_mended: false,
        })
    }

    /// Posts the deliveries and tells what happens until every event has come to its end. True
    /// if all of them did, and as they should.
    pub(crate) async fn show(&mut self) -> anyhow::Result<bool> {
        say!(
            "Slack answers 503 twice, the ERP refuses every order, and of two tenants Umbrella's destination \
             is down: watch what becomes of it.\n"
        );
        let umbrellas = std::iter::once(tenants::delivery());
        for delivery in umbrellas.chain(deliveries::all()?) {
            let answer = self.poster.send(delivery.body.clone().into_bytes()).await?;
            say!("HubSpot posts {} → {} {}", delivery.id, answer.status, answer.body);
            self.story.posted(answer.status, &delivery);
            while let Ok(line) = self.lines.try_recv() {
                self.tell(&line);
            }
        }
        let watching = async {
            while !self.story.is_over() {
                self.watch().await?;
                self.mend();
            }
            anyhow::Ok(())
        };
        if let Ok(watched) = tokio::time::timeout(PATIENCE, watching).await {
            watched?;
        } else {
            say!("Not over within {} s.", PATIENCE.as_secs());
        }
        self.tell_calls();
        Ok(self.story.sum_up(&self.stand_ins.calls()))
    }

    /// Goes on telling what happens to whatever is sent, without end. `program` is how this one
    /// is called.
    pub(crate) async fn go_on(&mut self, program: &str) -> anyhow::Result<()> {
        let Running::Embedded(embedded) = &self.running else { return Ok(()) };
        self.stand_ins.heal();
        self.story.go_on();
        say!(
            "\nSlack and the ERP are well again. Still listening; ^C ends it and removes its data. \
             Send an event of your own:\n  \
             echo '[{{\"eventId\":1,\"portalId\":62515,\"subscriptionType\":\"deal.creation\",\
             \"objectId\":267448862446,\"occurredAt\":1790000000000}}]' |\n    \
             HUBSPOT_CLIENT_SECRET= {program} send --url {} --secret-file {} -\n\
             Look at what was given up, and at each event's way, in the console: \
             http://{console}/\n\
             Each tenant's limits and line:\n  {program} limits --admin-listen {admin}\n\
             See also http://{admin}/metrics and http://{admin}/readyz.\n",
            embedded.receiver_url(),
            embedded.secret_file().display(),
            admin = embedded.admin_address(),
            console = embedded.console_address(),
        );
        loop {
            self.watch().await?;
        }
    }

    /// Once all others are done, the destination that is down is up again.
    fn mend(&mut self) {
        if self.is_mended || !self.story.only_waits_for(tenants::WAITS) {
            return;
        }
        self.is_mended = true;
        say!(
            "\nAll others are done, also ACME's. Now Umbrella's destination is up again: what waits for it \
             goes out, as soon as one has tried.\n"
        );
        tenants::put_up(&self.stand_ins);
    }

    /// Waits for something to happen and tells it.
    async fn watch(&mut self) -> anyhow::Result<()> {
        tokio::select! {
            line = self.lines.recv() => {
                let line = line.context("the worker ended")?;
                self.tell(&line);
            }
            () = self.stand_ins.wait_after(self.told) => self.tell_calls(),
        }
        Ok(())
    }

    fn tell(&mut self, line: &str) {
        self.tell_calls();
        if let Some(line) = Line::read(line) {
            self.story.tell(&line);
        }
    }

    fn tell_calls(&mut self) {
        let (calls, all) = self.stand_ins.calls_after(self.told);
        let forgotten = all.saturating_sub(self.told).saturating_sub(calls.len() as u64);
        if forgotten > 0 {
            say!("  asks     {forgotten} times more than can be told");
        }
        for call in calls {
            say!("  asks     {} {} {} → {}", call.api, call.method, call.path, call.status);
        }
        self.told = all;
    }

    /// Ends all that was started.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        match self.running {
            Running::Cluster(processes) => processes.stop().await,
            Running::Embedded(embedded) => {
                embedded.stop().await;
                Ok(())
            }
        }
    }
}

/// The stand-ins with what the deliveries are about, and their faults.
async fn stage() -> anyhow::Result<StandIns> {
    let stand_ins = StandIns::start().await?;
    deliveries::furnish(&stand_ins);
    stand_ins.fail(Fault::new("slack", 503).times(2));
    stand_ins.fail(Fault::new("erp", 422).on("POST", "/orders"));
    tenants::take_down(&stand_ins);
    Ok(stand_ins)
}

fn secret() -> String {
    format!("{:032x}", rand::random::<u128>())
}
