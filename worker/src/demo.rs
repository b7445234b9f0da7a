//! The demo: captured deliveries on their way through a real receiver and a real worker, with
//! the third parties played by [`crate::stand_ins`].
//!
//! Slack fails at first, the ERP refuses orders for good: what is retried, what is remembered
//! and what becomes a dead letter can be watched.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use secrecy::SecretString;
use shared::signature::{ClientSecret, Version};

use crate::sender::Sender;
use crate::stand_ins::{Fault, StandIns};

mod deliveries;
mod processes;
mod story;

use processes::Processes;
use story::{Line, Story};

/// The whole show takes a few seconds; longer means that something is wrong.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the demo runs on.
#[derive(Clone, Debug)]
pub struct Servers {
    /// RabbitMQ.
    pub amqp_url: SecretString,
    /// Redis.
    pub redis_url: SecretString,
    /// The receiver's program.
    pub receiver: PathBuf,
    /// This program.
    pub worker: PathBuf,
}

/// Everything running, before the first delivery.
pub struct Demo {
    stand_ins: StandIns,
    processes: Processes,
    sender: Sender,
}

impl Demo {
    /// Starts the stand-ins, the receiver and the worker.
    pub async fn start(servers: &Servers) -> anyhow::Result<Self> {
        let stand_ins = StandIns::start().await?;
        deliveries::furnish(&stand_ins);
        stand_ins.fail(Fault::new("slack", 503).times(2));
        stand_ins.fail(Fault::new("erp", 422).on("POST", "/orders"));
        let secret = format!("{:032x}", rand::random::<u128>());
        let processes = Processes::start(servers, &stand_ins, &secret).await?;
        let secret = ClientSecret::new(secret)?;
        let sender = Sender::new(&processes.receiver_url(), None, secret, Version::V3)?;
        Ok(Self { stand_ins, processes, sender })
    }

    /// Posts the deliveries and tells what happens until every event has come to its end. True
    /// if all of them did, and as they should.
    pub async fn show(mut self) -> anyhow::Result<bool> {
        println!(
            "Slack answers 503 twice, the ERP refuses every order: watch what becomes of it.\n"
        );
        let mut story = Story::default();
        for delivery in deliveries::all()? {
            let answer = self.sender.send(delivery.body.clone().into_bytes()).await?;
            println!("HubSpot   {} → {} {}", delivery.id, answer.status, answer.body);
            story.posted(answer.status, delivery.events);
        }
        println!();
        let watching = async {
            let mut told = 0;
            while !story.is_over() {
                let line = tokio::select! {
                    line = self.processes.next_line() => Some(line.context("the worker ended")?),
                    _ = self.stand_ins.wait_for(told + 1, |_| true) => None,
                };
                for call in self.stand_ins.calls().iter().skip(told) {
                    println!("  {:<8}  {} {} → {}", call.api, call.method, call.path, call.status);
                    told += 1;
                }
                if let Some(line) = line.as_deref().and_then(Line::read) {
                    story.tell(&line);
                }
            }
            anyhow::Ok(())
        };
        let ended = tokio::time::timeout(PATIENCE, watching).await;
        if ended.is_err() {
            println!("Not over within {} s.", PATIENCE.as_secs());
        } else {
            ended??;
        }
        self.processes.stop().await?;
        Ok(story.sum_up(&self.stand_ins.calls()))
    }
}
