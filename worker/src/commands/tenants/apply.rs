//! What a file says, written into the records.

#![allow(
    clippy::doc_markdown,
    reason = "doc comments here are the help texts, shown as they stand"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::ValueEnum;
use serde_json::json;

use super::difference::tell;
use super::intent::Intent;
use super::reading::Reading;
use crate::commands::dead_letters::output::{complain, say, say_json};
use crate::count::count;
use crate::generated::{NO_KEY, Owner};
use crate::records::{Edit, KeptSecret, Records, SectionState};
use crate::sealed::Keys;
use crate::tenants::{SectionKind, Tenants};

/// What becomes of events that wait for a route or a tenant which is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Held {
    /// Each is kept as a dead letter (ROUTE_DELETED, TENANT_DELETED)
    DeadLetter,
    /// Each ends with nothing done, as skipped
    Drop,
}

/// How a file is to be applied.
pub(super) struct Applying {
    pub(super) path: PathBuf,
    pub(super) prune: bool,
    pub(super) held: Option<Held>,
    pub(super) json: bool,
    pub(super) who: String,
    /// What secrets are sealed with that are made for destinations.
    pub(super) keys: Option<Keys>,
}

impl Applying {
    pub(super) async fn apply(&self, records: &Records, reading: &Reading) -> anyhow::Result<()> {
        let sections = records.tenant_sections().await?;
        // Changed since, they have another version.
        let kept = records.kept_secrets().await?;
        let intent = Intent::of(&self.path, &sections, self.prune, reading)?;
        let gone = self.gone(&intent)?;
        for fault in &intent.faults {
            complain(format_args!(
                "as seen from here, what is for this destination would wait: {fault}"
            ));
        }
        let mut edits = intent.edits(gone);
        let secrets = secrets(&intent.tenants, &kept, self.keys.as_ref())?;
        let made: Vec<_> = secrets.iter().filter_map(made).map(str::to_owned).collect();
        edits.extend(secrets);
        if edits.is_empty() {
            return if self.json { Ok(()) } else { Ok(say("nothing has changed")?) };
        }
        records.edit_tenants(sections.version, &edits, &self.who).await?;
        for name in &made {
            if self.json {
                let made = json!({ "change": "make secret", "kind": "destination", "name": name });
                say_json(&made)?;
            }
            complain(format_args!(
                "a secret was made for {name}: `worker tenants secret {name}` prints it, for whoever verifies there"
            ));
        }
        if !made.is_empty() && intent.difference.is_empty() {
            return Ok(());
        }
        tell(&intent.difference, self.json)
    }

    /// What becomes of what still waits for sections that are deleted.
    fn gone(&self, intent: &Intent) -> anyhow::Result<SectionState> {
        let of = |wanted| intent.deleted.iter().filter(|(kind, _)| *kind == wanted).count();
        // What waits for a tenant may wait on a route of all.
        let (tenants, routes) = (of(SectionKind::Tenant), of(SectionKind::Route));
        match self.held {
            Some(Held::Drop) => Ok(SectionState::Dropped),
            Some(Held::DeadLetter) => Ok(SectionState::Deleted),
            None if tenants + routes == 0 => Ok(SectionState::Deleted),
            None => {
                tell(&intent.difference, self.json)?;
                anyhow::bail!(
                    "{} and {} would be deleted, and nothing was changed: say what becomes of events that still wait \
                     for them, --held dead-letter or --held drop",
                    count(tenants, "tenant", "tenants"),
                    count(routes, "route", "routes")
                );
            }
        }
    }
}

/// The secrets that have to be made so that each destination has its own, and those that nobody has any more.
fn secrets(
    tenants: &Tenants,
    kept: &[KeptSecret],
    keys: Option<&Keys>,
) -> anyhow::Result<Vec<Edit>> {
    let owners = tenants.destinations.values().filter_map(Owner::of);
    let owners: BTreeMap<_, _> = owners.map(|owner| (owner.destination.clone(), owner)).collect();
    let gone = kept.iter().filter(|kept| !owners.contains_key(&kept.destination));
    let mut edits: Vec<Edit> =
        gone.map(|kept| Edit::Forget { destination: kept.destination.clone() }).collect();
    let (known, new): (Vec<_>, Vec<_>) =
        owners.iter().partition(|(_, owner)| owner.find(kept).is_some());
    for (name, owner) in &new {
        let keys = keys.with_context(|| {
            format!("destinations.{name}.secret: {NO_KEY}; nothing was changed")
        })?;
        edits.push(Edit::Make(owner.make(keys)?.1));
    }
    if let (Some(keys), false) = (keys, new.is_empty()) {
        // Another key than the workers' would seal what they cannot open.
        for (name, owner) in known {
            owner.open(keys, owner.find(kept)).map_err(|error| {
                anyhow::anyhow!("destinations.{name}: {error}; nothing was changed")
            })?;
        }
    }
    Ok(edits)
}

/// For which destination a secret is made.
fn made(edit: &Edit) -> Option<&str> {
    match edit {
        Edit::Make(secret) => Some(&secret.destination),
        _ => None,
    }
}
