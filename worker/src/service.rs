//! The systems that are called, by the names that metrics, codes and limits have. How they are called is
//! the clients' business.

use std::fmt;

use shared::metrics::label;

use crate::error::HandlerError;

label! {
    /// A system that is called.
    pub(crate) enum Service {
        HubSpot = "hubspot",
        Slack = "slack",
        Erp = "erp",
        Onboarding = "onboarding",
        Destination = "destination",
    }
}

impl Service {
    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HubSpot => "HubSpot",
            Self::Slack => "Slack",
            Self::Erp => "ERP",
            Self::Onboarding => "onboarding",
            Self::Destination => "the destination",
        }
    }

    /// `ERP_422`, `HUBSPOT_5XX`, `SLACK_TIMEOUT`.
    pub(crate) fn code(self, what: impl fmt::Display) -> String {
        format!("{}_{what}", self.as_str().to_ascii_uppercase())
    }

    /// The code of a run that is put off because the service wants to be left alone.
    pub(crate) fn held(self) -> &'static str {
        match self {
            Self::HubSpot => "HUBSPOT_429",
            Self::Slack => "SLACK_429",
            Self::Erp => "ERP_429",
            Self::Onboarding => "ONBOARDING_429",
            Self::Destination => "DESTINATION_429",
        }
    }

    /// Whether a call that failed so says that the service is down: a refusal does not.
    pub(crate) fn is_down(self, error: &HandlerError) -> bool {
        self.is_silent(error) || error.code == self.code("5XX")
    }

    /// Whether a call failed so for want of an answer: that says nothing of what was asked. A forward proxy that
    /// gives no way there is none either, and most often knows that the service is down.
    pub(crate) fn is_silent(self, error: &HandlerError) -> bool {
        ["TIMEOUT", "UNREACHABLE", "PROXY"].iter().any(|what| error.code == self.code(what))
    }
}
