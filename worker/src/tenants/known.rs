//! What a tenant's or a destination's name may refer to: every one that is in the file, also one that has
//! faults of its own, so that a fault is told once.

use std::collections::{BTreeMap, BTreeSet};

use shared::harmless::cut;
use toml::Spanned;
use toml::de::DeValue;

use super::section::Section;
use super::value::text;

/// The names in the file.
pub(crate) struct Known<'t> {
    tenants: BTreeSet<&'t str>,
    destinations: BTreeMap<&'t str, Owner<'t>>,
    /// Destinations to which only JSON can go, and why.
    json: BTreeMap<&'t str, &'static str>,
}

/// Whose a destination is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner<'t> {
    All,
    Tenant(&'t str),
    /// That is faulty.
    Unsure,
}

impl<'t> Known<'t> {
    pub(crate) fn of(
        tenants: &[(&'t str, Section<'t>)],
        destinations: &[(&'t str, Section<'t>)],
    ) -> Self {
        let tenants: BTreeSet<_> = tenants.iter().map(|(name, _)| *name).collect();
        let owner = |section: &Section<'t>| match section.value("tenant").map(Spanned::get_ref) {
            None => Owner::All,
            Some(DeValue::String(name)) if tenants.contains(&**name) => Owner::Tenant(name),
            Some(_) => Owner::Unsure,
        };
        let json =
            destinations.iter().filter_map(|(name, section)| Some((*name, json_only(section)?)));
        let json = json.collect();
        let destinations =
            destinations.iter().map(|(name, section)| (*name, owner(section))).collect();
        Self { tenants, destinations, json }
    }

    /// Why only JSON can go to the destination, if that is so.
    pub(crate) fn json_only(&self, destination: &str) -> Option<&'static str> {
        self.json.get(destination).copied()
    }

    /// The tenant that `section` is of, if it says one.
    pub(crate) fn tenant(&self, section: &Section<'t>) -> Option<String> {
        let read = |name: &'t str| {
            if self.tenants.contains(name) {
                return Ok(name.to_owned());
            }
            Err(unknown("tenant", name, section, self.tenants.iter().copied()))
        };
        section.optional("tenant", |value| text(value).and_then(read))
    }

    /// The destination of the route `section`, which is of `tenant`.
    pub(crate) fn destination(
        &self,
        section: &Section<'t>,
        tenant: Option<&str>,
    ) -> Option<String> {
        let read = |name: &'t str| match (self.destinations.get(name), tenant) {
            (None, _) => {
                Err(unknown("destination", name, section, self.destinations.keys().copied()))
            }
            (Some(Owner::Tenant(owner)), Some(tenant)) if *owner != tenant => Err(format!(
                "\"{name}\" is {owner}'s, and the route {tenant}'s: choose one of {tenant}'s or a \
                 shared one, which has no tenant"
            )),
            // One whose tenant is faulty is not for all.
            (Some(Owner::Tenant(owner)), None) if !section.has("tenant") => Err(format!(
                "\"{name}\" is {owner}'s, and the route everybody's: give the route this tenant, or \
                 choose a shared destination, which has none"
            )),
            (Some(Owner::All | Owner::Tenant(_) | Owner::Unsure), _) => Ok(name.to_owned()),
        };
        section.required("destination", "\"NAME\"", |value| text(value).and_then(read))
    }
}

/// Why nothing but JSON goes there, if that is so: events are put into an array.
fn json_only(section: &Section<'_>) -> Option<&'static str> {
    if section.has("batch") {
        return Some("gets batches, which are JSON");
    }
    let sign = section.value("sign").map(Spanned::get_ref);
    matches!(sign, Some(DeValue::String(word)) if word == "hubspot")
        .then_some("is signed as HubSpot signs batches, which are JSON")
}

fn unknown<'n>(
    what: &str,
    name: &str,
    section: &Section<'_>,
    names: impl Iterator<Item = &'n str>,
) -> String {
    let advice = section.notes().did_you_mean(name, names);
    let advice = advice.unwrap_or_else(|| format!(": add it as [{what}s.NAME]"));
    format!("there is no {what} \"{}\"{advice}", cut(name, 64))
}
