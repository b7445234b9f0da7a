//! What a file says, written into the records.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::path::Path;

use clap::ValueEnum;

use super::difference::tell;
use super::intent::Intent;
use super::reading::Reading;
use crate::commands::dead_letters::output::{complain, say};
use crate::count::count;
use crate::records::{Records, SectionState};
use crate::tenants::SectionKind;

/// What becomes of events that wait for a route which is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Held {
    /// Each is kept as a dead letter (ROUTE_DELETED)
    DeadLetter,
    /// Each ends with nothing done, as skipped
    Drop,
}

pub(super) async fn apply(
    records: &Records,
    path: &Path,
    prune: bool,
    held: Option<Held>,
    json: bool,
    who: &str,
    reading: &Reading,
) -> anyhow::Result<()> {
    let sections = records.tenant_sections().await?;
    let intent = Intent::of(path, &sections, prune, reading)?;
    let routes = intent.deleted.iter().filter(|(kind, _)| *kind == SectionKind::Route).count();
    let gone = match held {
        Some(Held::Drop) => SectionState::Dropped,
        Some(Held::DeadLetter) => SectionState::Deleted,
        None if routes == 0 => SectionState::Deleted,
        None => {
            tell(&intent.difference, json)?;
            anyhow::bail!(
                "{} would be deleted, and nothing was changed: say what becomes of events that still wait there, \
                 --held dead-letter or --held drop",
                count(routes, "route", "routes")
            );
        }
    };
    for fault in &intent.faults {
        complain(format_args!(
            "as seen from here, what is for this destination would wait: {fault}"
        ));
    }
    let edits = intent.edits(gone);
    if edits.is_empty() {
        return if json { Ok(()) } else { Ok(say("nothing has changed")?) };
    }
    records.edit_tenants(sections.version, &edits, who).await?;
    tell(&intent.difference, json)
}
