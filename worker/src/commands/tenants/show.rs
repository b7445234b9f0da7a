//! One section as it stands in the records.

use serde_json::json;
use shared::harmless::harmless;

use super::name::Named;
use crate::commands::dead_letters::output::{say, say_json};
use crate::directory::section_text;
use crate::records::Records;
use crate::tenants::text_of;
use crate::when;

pub(super) async fn show(records: &Records, name: &Named, json: bool) -> anyhow::Result<()> {
    let sections = records.tenant_sections().await?;
    let section = name.of(&sections)?;
    let text = section_text(section);
    if json {
        return say_json(&json!({
            "kind": section.kind.as_str(),
            "name": section.name,
            "state": section.state.as_str(),
            "state_ms": section.state_ms,
            "state_by": section.state_by,
            "changed_ms": section.changed_ms,
            "changed_by": section.changed_by,
            "body": text.body,
        }));
    }
    let line = |what: &str, at_ms: i64, who: &str| {
        say(format_args!("# {what} {} by {}", when::show(at_ms), harmless(who)))
    };
    line("written", section.changed_ms, &section.changed_by)?;
    line(
        section.state.as_str(),
        section.state_ms,
        &format!("{}{}", section.state_by, section.why()),
    )?;
    Ok(say(text_of([&text]).trim_end())?)
}
