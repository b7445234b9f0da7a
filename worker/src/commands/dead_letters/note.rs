//! `worker dead-letters note`: what people know of a problem, beside it.

use clap::Args;
use serde_json::json;

use super::output::{complain, say, say_json};
use super::place::{Act, Place};
use crate::records::dead_letters::DeadLetters;

/// Writes a note on a problem, which `groups` shows; without a text takes it away.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example:
  worker dead-letters note 5ac1b1f0c1d2e3f4 \"their price list is broken, back on Monday\"")]
pub(super) struct Note {
    /// The problem's fingerprint, as `groups` shows it
    #[arg(value_name = "FINGERPRINT")]
    problem: String,
    /// The note
    text: Option<String>,
    /// Who writes it, for the audit
    #[arg(long, env = "USER", default_value = "unknown", hide_env_values = true)]
    by: String,
    /// One JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) place: Place,
}

impl Act for Note {
    async fn act(&self, letters: &DeadLetters) -> anyhow::Result<bool> {
        let written = letters.note(&self.problem, self.text.as_deref(), &self.by).await?;
        if !written {
            complain("there is no problem with this fingerprint");
        } else if self.json {
            say_json(&json!({ "problem": self.problem, "note": self.text }))?;
        } else {
            say("Done.")?;
        }
        Ok(written)
    }
}
