//! What a file would make of what is in the records: found out before anything is written.

use std::collections::BTreeSet;
use std::path::Path;

use shared::clock::now_ms;

use super::reading::Reading;
use crate::directory::{Directory, RECORDS, View, section_text, tenants_in, view_of};
use crate::records::{Edit, SectionState, Sections};
use crate::tenants::{
    Difference, MAX_APPLIED_BYTES, SectionKind, SectionText, Standing, Tenants, sections_in,
    text_of,
};

/// For so long, in ms, something may still wait for a route that was deleted: it comes back within an hour, and its tries
/// go on for a while.
const STILL_AWAITED_MS: i64 = 24 * 60 * 60 * 1000;

/// What a file would make of what is in the records.
pub(super) struct Intent {
    pub(super) difference: Difference,
    /// What there would be.
    pub(super) tenants: Tenants,
    written: Vec<SectionText>,
    pub(super) deleted: Vec<(SectionKind, String)>,
    /// Why destinations cannot be used, seen from here.
    pub(super) faults: Vec<String>,
}

impl Intent {
    /// The error is all that is wrong with the file, or with what it would make of the rest.
    pub(super) fn of(
        path: &Path,
        sections: &Sections,
        prune: bool,
        reading: &Reading,
    ) -> anyhow::Result<Self> {
        let file = view_of(path)?;
        let mut written = sections_in(&file.name, &file.text)?;
        let names: BTreeSet<_> =
            written.iter().map(|section| (section.kind, section.name.clone())).collect();
        let before: Vec<_> = sections.there().map(section_text).collect();
        let is_written =
            |section: &&SectionText| names.contains(&(section.kind, section.name.clone()));
        let (kept, deleted): (Vec<_>, Vec<_>) =
            before.iter().filter(|section| !is_written(section)).partition(|_| !prune);
        // Behind the file, so that what is wrong with that is told with its own lines.
        let text = format!("{}\n{}", file.text, text_of(kept.iter().copied()));
        let whole = text_of(written.iter().chain(kept.iter().copied())).len().max(text.len());
        anyhow::ensure!(
            whole <= MAX_APPLIED_BYTES,
            "the records would have {whole} bytes of tenants, and may have {MAX_APPLIED_BYTES}, so that there is \
             room for those that installs make: shorten it"
        );
        let after = reading.read_view(&View::of_file(file.name, text).into_stored())?;
        let moved = moved(sections, &after.tenants);
        anyhow::ensure!(moved.is_empty(), "{}", moved.join("\n"));
        let old = tenants_in((RECORDS, &text_of(&before)), Standing::Records)?;
        let difference = Difference::between(&old, &after.tenants);
        let deleted = deleted.iter().map(|section| (section.kind, section.name.clone())).collect();
        written.retain(|section| !before.contains(section));
        let Directory { tenants, faults, .. } = after;
        Ok(Self { difference, tenants, written, deleted, faults })
    }

    pub(super) fn edits(&self, gone: SectionState) -> Vec<Edit> {
        let write = |section: &SectionText| Edit::Write {
            kind: section.kind,
            name: section.name.clone(),
            body: section.body.to_string(),
        };
        let delete = |(kind, name): &(SectionKind, String)| Edit::Turn {
            kind: *kind,
            name: name.clone(),
            state: gone,
        };
        self.written.iter().map(write).chain(self.deleted.iter().map(delete)).collect()
    }
}

/// Why routes cannot be another tenant's from now on: what waits for one names it with its tenant, and would be nobody's.
fn moved(sections: &Sections, after: &Tenants) -> Vec<String> {
    let of =
        |tenant: Option<&str>| tenant.map_or("for all tenants".to_owned(), |it| format!("{it}'s"));
    let routes = sections.sections.iter().filter(|section| section.kind == SectionKind::Route);
    let moved = routes.filter_map(|section| {
        let route = after.routes.get(&section.name)?;
        let is_there = section.state.is_there();
        if !is_there && section.state_ms.saturating_add(STILL_AWAITED_MS) < now_ms() {
            return None;
        }
        let body = section_text(section).body;
        let before = body.get("tenant").and_then(serde_json::Value::as_str);
        let name = &section.name;
        let was = if is_there { "is" } else { "was deleted less than a day ago, and was" };
        (before != route.tenant.as_deref()).then(|| {
            format!(
                "routes.{name}: it {was} {}, and so is what waits for it. Give the route that is {} another name{}",
                of(before),
                of(route.tenant.as_deref()),
                if is_there { ", and delete this one (--prune)" } else { "" },
            )
        })
    });
    moved.collect()
}
