//! Whose events are meant, as flags.

use clap::Args;
use shared::origin::Origin;

use crate::records::origin_meant;

/// The sender, and the account there.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct OriginFlags {
    /// Of this sender and account, e.g. hubspot/62515
    #[arg(long, value_parser = origin_meant)]
    origin: Option<Origin>,
    /// The same of a HubSpot account, by its number
    #[arg(long, value_name = "NUMBER", conflicts_with = "origin")]
    portal: Option<u64>,
}

impl OriginFlags {
    /// The one that is meant, if one is.
    pub(super) fn origin(&self) -> Option<Origin> {
        self.origin.clone().or_else(|| self.portal.map(Origin::hubspot))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        origin: OriginFlags,
    }

    #[test]
    fn a_portal_is_short_for_an_origin_at_hubspot() {
        for flags in [["--origin", "hubspot/62515"], ["--origin", "62515"], ["--portal", "62515"]] {
            let program = Program::try_parse_from(["worker"].into_iter().chain(flags)).unwrap();
            assert_eq!(program.origin.origin(), Some(Origin::hubspot(62515)), "{flags:?}");
        }
        assert_eq!(Program::try_parse_from(["worker"]).unwrap().origin.origin(), None);
        for flags in [&["--origin", "x"][..], &["--origin", "1", "--portal", "1"]] {
            assert!(Program::try_parse_from([&["worker"], flags].concat()).is_err(), "{flags:?}");
        }
    }
}
