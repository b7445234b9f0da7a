//! `pause` and `resume`.

use shared::origin::Origin;

use super::name::Named;
use super::whom::Whom;
use crate::commands::dead_letters::output::say;
use crate::directory::section_text;
use crate::records::{Edit, InstallationState, Records, SectionState};

pub(super) async fn pause(records: &Records, name: &Named, who: &str) -> anyhow::Result<()> {
    if turn(records, name, SectionState::Paused, who).await? {
        say(format_args!("what is for the {name} waits from now on"))?;
    }
    Ok(())
}

pub(super) async fn resume(records: &Records, whom: &Whom, who: &str) -> anyhow::Result<()> {
    let name = match whom {
        Whom::Section(name) => name,
        Whom::Account(origin) => return try_again(records, origin, who).await,
    };
    if !turn(records, name, SectionState::Active, who).await? {
        return Ok(());
    }
    let sections = records.tenant_sections().await?;
    let section = name.of(&sections)?;
    if section.state != SectionState::Uninstalled {
        return Ok(say(format_args!("what is for the {name} goes on"))?);
    }
    let body = section_text(section).body;
    let origin = body.get("origin").and_then(|origin| origin.as_str()?.parse().ok());
    let known = match origin {
        Some(origin) => records.installation(&origin).await?,
        None => None,
    };
    match known {
        Some(known) if known.state == InstallationState::Installed => tried(whom),
        _ => anyhow::bail!(
            "the {name} is without the app, and there is no token of its that could be tried: it goes on when the app is installed there again"
        ),
    }
}

async fn try_again(records: &Records, origin: &Origin, who: &str) -> anyhow::Result<()> {
    if records.try_token_again(origin, who).await? {
        return tried(&Whom::Account(origin.clone()));
    }
    anyhow::ensure!(
        records.installation(origin).await?.is_some(),
        "{origin} has never installed the app"
    );
    anyhow::bail!(
        "there is no token of {origin} to be tried: it has the app, or its tokens are erased"
    )
}

fn tried(whom: &Whom) -> anyhow::Result<()> {
    Ok(say(format_args!(
        "a worker tries the token that was refused: the {whom} goes on if HubSpot takes it"
    ))?)
}

/// False if it was so already.
async fn turn(
    records: &Records,
    name: &Named,
    state: SectionState,
    who: &str,
) -> anyhow::Result<bool> {
    let sections = records.tenant_sections().await?;
    let section = name.of(&sections)?;
    let said_so = section_text(section).body.get("state").is_some_and(|state| state == "paused");
    anyhow::ensure!(
        !(state == SectionState::Active && said_so),
        "{name} has state = \"paused\" in its section: change it there, and apply the file again"
    );
    if section.state == state {
        let word = if state == SectionState::Paused { "paused" } else { "not paused" };
        say(format_args!("{name} is {word} already"))?;
        return Ok(false);
    }
    let edit = Edit::Turn { kind: name.kind, name: name.name.clone(), state };
    records.edit_tenants(sections.version, &[edit], who).await?;
    Ok(true)
}
