//! Which letters are meant, as flags.

use clap::Args;

use crate::commands::origin_flags::OriginFlags;
use crate::records::dead_letters::{Filter, State};
use crate::when;

/// Which letters are meant; all that is given must hold.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which letters")]
pub(super) struct FilterFlags {
    /// Letters of this problem, as `groups` shows it
    #[arg(long)]
    problem: Option<String>,
    /// With this error code, e.g. `ERP_422`
    #[arg(long)]
    code: Option<String>,
    /// Given up as permanent, exhausted, unreadable, crashed or unrouted
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    origin: OriginFlags,
    /// Of this subscription type, e.g. deal.creation
    #[arg(long = "type", value_name = "TYPE")]
    subscription_type: Option<String>,
    /// About this object: the deal's id, the contact's
    #[arg(long)]
    object: Option<u64>,
    /// Given up for this handler
    #[arg(long)]
    handler: Option<String>,
    /// That this job has claimed last
    #[arg(long)]
    job: Option<u64>,
    /// Died at or after: 2h (ago), 2026-11-21 or 2026-11-21T09:30:00Z
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    died_since: Option<i64>,
    /// Died before: `7d` are those that died more than seven days ago
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    died_before: Option<i64>,
}

impl FilterFlags {
    pub(super) fn filter(&self, ids: &[i64], state: Option<State>) -> Filter {
        Filter {
            ids: ids.to_vec(),
            fingerprint: self.problem.clone(),
            code: self.code.clone(),
            reason: self.reason.clone(),
            origin: self.origin.origin(),
            subscription_type: self.subscription_type.clone(),
            object_id: self.object.map(u64::cast_signed),
            target: self.handler.clone(),
            job_id: self.job.map(u64::cast_signed),
            state,
            since_ms: self.died_since,
            until_ms: self.died_before,
        }
    }
}

/// A state as a flag, or any.
#[derive(Clone, Copy, Debug)]
pub(super) struct StateFlag(pub(super) Option<State>);

impl std::str::FromStr for StateFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "any" {
            return Ok(Self(None));
        }
        text.parse().map(|state| Self(Some(state))).map_err(|error| format!("{error}, or any"))
    }
}
