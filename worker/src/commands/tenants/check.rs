//! `worker tenants check`: whether a file can be used.

use std::path::Path;

use super::reading::Reading;
use crate::commands::dead_letters::output::{say, say_json};
use crate::count::count;
use crate::tenants::Tenants;

/// The error is all that is wrong with it.
pub(super) fn check(path: Option<&Path>, json: bool, reading: &Reading) -> anyhow::Result<()> {
    let path = path.map_or_else(|| reading.file(), Ok)?;
    let checked = reading.check(path).and_then(|directory| {
        anyhow::ensure!(directory.faults.is_empty(), "{}", directory.faults.join("\n"));
        Ok(directory)
    });
    if json {
        let faults = checked.as_ref().err().map(|error| format!("{error:#}"));
        let faults: Vec<&str> = faults.as_deref().unwrap_or_default().lines().collect();
        say_json(&serde_json::json!({ "file": path, "faults": faults }))?;
    }
    let Tenants { tenants, destinations, routes, .. } = &checked?.tenants;
    if json {
        return Ok(());
    }
    Ok(say(format_args!(
        "{}: {}, {} and {}: all can be used",
        path.display(),
        count(tenants.len(), "tenant", "tenants"),
        count(destinations.len(), "destination", "destinations"),
        count(routes.len(), "route", "routes"),
    ))?)
}
