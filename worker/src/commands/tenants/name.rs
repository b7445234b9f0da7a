//! One section, as people name it: `acme` is a tenant, `destination/acme-crm` and `route/acme-deals` are others.

use std::fmt;
use std::str::FromStr;

use crate::records::{Section, Sections};
use crate::suggestion::did_you_mean;
use crate::tenants::SectionKind;

/// A section's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) kind: SectionKind,
    pub(super) name: String,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, name) = match text.split_once('/') {
            None => (SectionKind::Tenant, text),
            Some((kind, name)) => {
                let kind = kind.parse().map_err(|_| {
                    "write a tenant's name, destination/NAME or route/NAME".to_owned()
                })?;
                (kind, name)
            }
        };
        Ok(Self { kind, name: name.to_owned() })
    }
}

impl Named {
    /// The section of this name.
    pub(super) fn of<'s>(&self, sections: &'s Sections) -> anyhow::Result<&'s Section> {
        let there = || sections.there().filter(|section| section.kind == self.kind);
        let found = there().find(|section| section.name == self.name);
        found.ok_or_else(|| {
            let names = there().map(|section| &*section.name);
            let meant = did_you_mean(&self.name, names).unwrap_or_default();
            anyhow::anyhow!("there is no {self} in the records{meant}")
        })
    }
}

/// A destination's name, with or without what it is.
pub(super) fn destination(text: &str) -> Result<String, String> {
    match text.split_once('/') {
        None => Ok(text.to_owned()),
        Some(("destination", name)) => Ok(name.to_owned()),
        Some(_) => Err("write the name of a destination".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn a_name_alone_is_a_tenants() {
        let named = |text: &str| text.parse::<Named>().map(|named| named.to_string());
        assert_eq!(named("acme").unwrap(), "tenant acme");
        assert_eq!(named("tenant/acme").unwrap(), "tenant acme");
        assert_eq!(named("destination/acme-crm").unwrap(), "destination acme-crm");
        assert_eq!(named("route/acme-deals").unwrap(), "route acme-deals");
        assert!(named("destinations/acme").unwrap_err().contains("destination/NAME"));
        for text in ["acme-crm", "destination/acme-crm"] {
            assert_eq!(destination(text).unwrap(), "acme-crm");
        }
        assert!(destination("tenant/acme").is_err());
    }
}
