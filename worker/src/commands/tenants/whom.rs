//! Whom a word names: a section of the records, or an account by its origin, whether or not it is a tenant.

use std::fmt;
use std::str::FromStr;

use anyhow::Context as _;
use shared::origin::Origin;

use super::name::Named;
use super::reading::Reading;
use crate::directory::{section_text, tenants_in, view_of};
use crate::records::Records;
use crate::tenants::SectionKind;

/// A section, or an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    Section(Named),
    Account(Origin),
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Section(named) => named.fmt(f),
            Self::Account(origin) => write!(f, "account {origin}"),
        }
    }
}

impl FromStr for Whom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<Origin>() {
            // Whoever installs the app is a portal.
            Ok(origin) if origin.portal_id().is_none() => {
                Err(format!("{origin} is no account of HubSpot's, such as hubspot/62515"))
            }
            Ok(origin) => Ok(Self::Account(origin)),
            Err(_) => text.parse().map(Self::Section),
        }
    }
}

impl Whom {
    /// The account that is meant: of a tenant as the file of the settings has it, or else the records.
    pub(super) async fn account(
        &self,
        records: &Records,
        reading: &Reading,
    ) -> anyhow::Result<Origin> {
        let named = match self {
            Self::Account(origin) => return Ok(origin.clone()),
            Self::Section(named) => named,
        };
        anyhow::ensure!(
            named.kind == SectionKind::Tenant,
            "{named} is no account: name a tenant, or an account such as hubspot/62515"
        );
        if let Ok(file) = reading.file() {
            let view = view_of(file)?;
            let tenants = tenants_in((&view.name, &view.text), view.standing)?;
            let tenant = tenants.tenants.get(&named.name);
            let tenant = tenant.with_context(|| format!("there is no {named} in {}", view.name))?;
            return Ok(tenant.origin.clone());
        }
        let sections = records.tenant_sections().await?;
        let section = section_text(named.of(&sections)?);
        let origin = section.body.get("origin").and_then(serde_json::Value::as_str);
        let origin = origin.with_context(|| format!("{named} has no origin"))?;
        Ok(origin.parse()?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn an_account_is_named_by_its_origin() {
        let whom = |text: &str| text.parse::<Whom>().map(|whom| whom.to_string());
        assert_eq!(whom("hubspot/62515").unwrap(), "account hubspot/62515");
        assert_eq!(whom("acme").unwrap(), "tenant acme");
        assert_eq!(whom("route/acme-deals").unwrap(), "route acme-deals");
        assert!(whom("hubspots/62515").is_err());
    }

    #[test]
    fn an_account_is_a_portal_and_nothing_that_looks_like_several() {
        assert!(matches!("hubspot/62515".parse(), Ok(Whom::Account(_))));
        assert!(matches!("acme".parse(), Ok(Whom::Section(_))));
        assert!("hubspot/62_15".parse::<Whom>().is_err_and(|error| error.contains("62_15")));
    }
}
