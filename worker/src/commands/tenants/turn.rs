//! `pause` and `resume`.

use super::name::Named;
use crate::commands::dead_letters::output::say;
use crate::directory::section_text;
use crate::records::{Edit, Records, SectionState};

pub(super) async fn turn(
    records: &Records,
    name: &Named,
    state: SectionState,
    who: &str,
) -> anyhow::Result<()> {
    let sections = records.tenant_sections().await?;
    let section = name.of(&sections)?;
    let (is_paused, resumes) =
        (section.state == SectionState::Paused, state == SectionState::Active);
    let said_so = section_text(section).body.get("state").is_some_and(|state| state == "paused");
    anyhow::ensure!(
        !(resumes && said_so),
        "{name} has state = \"paused\" in its section: change it there, and apply the file again"
    );
    if section.state == state {
        let word = if is_paused { "paused" } else { "not paused" };
        return Ok(say(format_args!("{name} is {word} already"))?);
    }
    let edit = Edit::Turn { kind: name.kind, name: name.name.clone(), state };
    records.edit_tenants(sections.version, &[edit], who).await?;
    let what = if resumes { "goes on" } else { "waits from now on" };
    Ok(say(format_args!("what is for the {name} {what}"))?)
}
