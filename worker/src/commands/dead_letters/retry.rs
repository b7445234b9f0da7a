//! `worker dead-letters retry`: publishes letters again, as a job.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use clap::Args;

use super::change::Change;
use super::place::Act;
use crate::count::count;
use crate::records::dead_letters::{DeadLetters, Plan};
use crate::records::jobs::{Action, DEFAULT_RATE, MAX_RATE, Scope};

/// Publishes dead letters again, by number or all that match: a job that goes no faster than wanted,
/// begins with 20 letters until one has succeeded, and stops by itself when most fail. They go through a queue of
/// their own, which live events never wait for. Each gets one attempt more and goes on where it
/// failed: steps that had succeeded are not run again. What dies after the plan was shown is left
/// alone.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  worker dead-letters retry 17 18 19
  worker dead-letters retry --problem 5ac1b1f0c1d2e3f4 --dry-run
  worker dead-letters retry --code ERP_503 --rate 10/s --yes
  worker dead-letters retry --handler on_deal_closed --died-since 2h --from-start
  worker dead-letters retry --sent-before 2h --all    whose result was never heard of")]
pub(super) struct Retry {
    /// Run everything anew, also the steps that had succeeded
    #[arg(long)]
    from_start: bool,
    /// Letters that were retried at or before this time and never heard of again, instead of dead ones
    #[arg(long, value_name = "TIME", value_parser = crate::when::parse)]
    sent_before: Option<i64>,
    /// Messages published a second at most, one for each letter, e.g. 10/s; 0 for as fast as it goes
    #[arg(long, default_value_t = Rate(DEFAULT_RATE))]
    rate: Rate,
    #[command(flatten)]
    pub(super) change: Change,
}

/// Messages a second.
#[derive(Clone, Copy, Debug)]
pub(in crate::commands) struct Rate(pub(in crate::commands) u32);

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

impl std::str::FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix("/s").unwrap_or(text);
        match number.parse() {
            Ok(rate) if rate <= MAX_RATE => Ok(Self(rate)),
            _ => Err(format!("write a number a second as 10/s, at most {MAX_RATE}/s, or 0")),
        }
    }
}

impl Rate {
    /// How long the planned messages take, in words.
    pub(in crate::commands) fn takes(self, plan: &Plan) -> String {
        // Of what is not a message each.
        let messages = match plan.messages {
            messages if messages == plan.count => String::new(),
            messages => format!(", with {}", count(messages, "message", "messages")),
        };
        if self.0 == 0 {
            return format!("as fast as it goes{messages}");
        }
        let seconds = u64::try_from(plan.messages).unwrap_or_default().div_ceil(u64::from(self.0));
        let time = humantime::format_duration(std::time::Duration::from_secs(seconds));
        let about = if plan.more { "more than" } else { "about" };
        format!("{about} {time} at {self}{messages}")
    }
}

impl Act for Retry {
    async fn act(&self, letters: &DeadLetters) -> anyhow::Result<bool> {
        let action = if self.from_start { Action::Restart } else { Action::Retry };
        let scope = Scope::letters(action, self.change.letters(self.sent_before));
        self.change.carry_out(letters, scope, self.sent_before, Some(self.rate)).await
    }
}
