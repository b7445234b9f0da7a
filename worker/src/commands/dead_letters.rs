//! `worker dead-letters`: what was given up, why, and what is to become of it. One file per
//! action.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::process::ExitCode;

use clap::{Args, Subcommand};

pub(super) mod by;
pub(super) mod change;
mod discard;
mod export;
mod filter;
pub(super) mod follow;
mod groups;
mod jobs;
mod list;
mod note;
pub(super) mod output;
pub(super) mod place;
pub(super) mod rate;
mod restore;
mod retry;
mod show;

/// Shows what was given up and why, tries it again, lets go of it or takes it back.
///
/// A dead letter is one event given up for one handler. Letters with the same error are one problem,
/// however many they are: begin with `groups`. Letters that are new are taken out of their queues
/// before anything is shown.
#[derive(Args, Clone, Debug)]
#[command(
    max_term_width = 100,
    after_help = "\
Examples:
  worker dead-letters groups                              how many distinct problems there are
  worker dead-letters list --problem 5ac1b1f0c1d2e3f4     the letters of one
  worker dead-letters show 17 --payload                   all there is to know of one letter
  worker dead-letters retry --problem 5ac1b1f0c1d2e3f4    all of one again, once it is mended
  worker dlq discard --code ERP_422 --died-before 7d      those that died more than 7 days ago
  worker dlq restore 17                                   one of them back, within 7 days
  worker dlq export --portal 62515 > letters.jsonl

Needs DATABASE_URL and AMQP_URL, or a standalone: see --data.
Exit codes: 0 done, 1 failed, 2 wrong usage or settings."
)]
pub struct DeadLettersCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// How many distinct problems there are, the largest first
    Groups(groups::Groups),
    /// Letters, the latest first
    List(list::List),
    /// One letter with its history
    Show(show::Show),
    /// Publish letters again, as a job that goes no faster than wanted and can be paused
    Retry(retry::Retry),
    /// Jobs: how far they have come; pause, resume or cancel one
    Jobs(jobs::JobsCommand),
    /// Let go of letters; they can be restored until DISCARDED_RETENTION is over
    Discard(discard::Discard),
    /// Make discarded letters dead ones again
    Restore(restore::Restore),
    /// All letters that match, with their events, as JSON lines or CSV
    Export(export::Export),
    /// Write a note on a problem
    Note(note::Note),
}

impl DeadLettersCommand {
    /// Wrong usage is an error; what fails afterwards is told here.
    pub(super) async fn execute(self) -> anyhow::Result<ExitCode> {
        let done = match &self.action {
            Action::Groups(action) => action.place.with(action).await?,
            Action::List(action) => action.place.with(action).await?,
            Action::Show(action) => action.place.with(action).await?,
            Action::Retry(action) => {
                action.change.check()?;
                action.change.place.with(action).await?
            }
            Action::Jobs(action) => {
                action.check()?;
                action.place.with(action).await?
            }
            Action::Discard(action) => {
                action.change.check()?;
                action.change.place.with(action).await?
            }
            Action::Restore(action) => {
                action.change.check()?;
                action.change.place.with(action).await?
            }
            Action::Export(action) => action.place.with(action).await?,
            Action::Note(action) => action.place.with(action).await?,
        };
        Ok(done)
    }
}
