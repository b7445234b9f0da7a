//! `pause` and `resume`.

use std::fmt;

use serde::Serialize;
use shared::origin::Origin;

use super::name::Named;
use super::whom::Whom;
use crate::commands::dead_letters::output::{say, say_json};
use crate::directory::section_text;
use crate::records::{Edit, InstallationState, Records, SectionState};

/// What became of a section or an account.
#[derive(Debug, Serialize)]
pub(super) struct Turned {
    name: String,
    /// `paused`, `active`, `unchanged`, or `tried`: whether it goes on is HubSpot's to say.
    became: &'static str,
    #[serde(skip)]
    says: String,
}

impl Turned {
    /// A line for people, or one JSON document.
    pub(super) fn tell(&self, json: bool) -> anyhow::Result<()> {
        if json { say_json(self) } else { Ok(say(&self.says)?) }
    }

    fn of(name: impl fmt::Display, became: &'static str, says: String) -> Self {
        Self { name: name.to_string(), became, says }
    }
}

pub(super) async fn pause(records: &Records, name: &Named, who: &str) -> anyhow::Result<Turned> {
    if let Some(already) = turn(records, name, SectionState::Paused, who).await? {
        return Ok(already);
    }
    Ok(Turned::of(name, "paused", format!("what is for the {name} waits from now on")))
}

pub(super) async fn resume(records: &Records, whom: &Whom, who: &str) -> anyhow::Result<Turned> {
    let name = match whom {
        Whom::Section(name) => name,
        Whom::Account(origin) => return try_again(records, origin, who).await,
    };
    if let Some(already) = turn(records, name, SectionState::Active, who).await? {
        return Ok(already);
    }
    let sections = records.tenant_sections().await?;
    let section = name.of(&sections)?;
    if section.state != SectionState::Uninstalled {
        return Ok(Turned::of(name, "active", format!("what is for the {name} goes on")));
    }
    let body = section_text(section).body;
    let origin = body.get("origin").and_then(|origin| origin.as_str()?.parse().ok());
    let known = match origin {
        Some(origin) => records.installation(&origin).await?,
        None => None,
    };
    match known {
        Some(known) if known.state == InstallationState::Installed => Ok(tried(whom)),
        _ => anyhow::bail!(
            "the {name} is without the app, and there is no token of its that could be tried: it goes on when the app is installed there again"
        ),
    }
}

async fn try_again(records: &Records, origin: &Origin, who: &str) -> anyhow::Result<Turned> {
    if records.try_token_again(origin, who).await? {
        return Ok(tried(&Whom::Account(origin.clone())));
    }
    anyhow::ensure!(
        records.installation(origin).await?.is_some(),
        "{origin} has never installed the app"
    );
    anyhow::bail!(
        "there is no token of {origin} to be tried: it has the app, or its tokens are erased"
    )
}

fn tried(whom: &Whom) -> Turned {
    let says = format!(
        "a worker tries the token that was refused: the {whom} goes on if HubSpot takes it"
    );
    Turned::of(whom, "tried", says)
}

/// `Some` if it was so already.
async fn turn(
    records: &Records,
    name: &Named,
    state: SectionState,
    who: &str,
) -> anyhow::Result<Option<Turned>> {
    let sections = records.tenant_sections().await?;
    let section = name.of(&sections)?;
    let said_so = section_text(section).body.get("state").is_some_and(|state| state == "paused");
    anyhow::ensure!(
        !(state == SectionState::Active && said_so),
        "{name} has state = \"paused\" in its section: change it there, and apply the file again"
    );
    // Who pauses one that has refused says that it is known.
    if section.state == state && !section.has_refused() {
        let word = if state == SectionState::Paused { "paused" } else { "not paused" };
        return Ok(Some(Turned::of(name, "unchanged", format!("{name} is {word} already"))));
    }
    let edit = Edit::Turn { kind: name.kind, name: name.name.clone(), state };
    records.edit_tenants(sections.version, &[edit], who).await?;
    Ok(None)
}
