//! What a destination answered, of whatever kind it is.
//!
//! Owns the code and the words under which an answer is known. Refuses to act on it.

use std::borrow::Cow;

use crate::clients::destinations::Answered;
use crate::destination::postgres::SqlFault;
use crate::destination::{Meaning, Overrides, slack};
use crate::service::Service;

/// An answer.
pub(crate) struct Sent {
    pub(crate) meaning: Meaning,
    /// Of an answer over HTTP.
    pub(crate) status: Option<u16>,
    /// `DESTINATION_404`, `DESTINATION_5XX`, `DESTINATION_SQL_42703`.
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
    /// The beginning of what was said, for people to see.
    pub(crate) beginning: String,
    /// Whether it says that the destination is down.
    pub(super) is_down: bool,
}

impl Sent {
    pub(super) fn of_endpoint(of: &str, answered: &Answered, overrides: &Overrides) -> Self {
        Self::of_http(of, answered, answered.answer.meaning(overrides))
    }

    pub(super) fn of_slack(of: &str, answered: &Answered) -> Self {
        Self::of_http(of, answered, slack::meaning(answered.answer))
    }

    fn of_http(of: &str, answered: &Answered, meaning: Meaning) -> Self {
        let answer = answered.answer;
        let (code, meaning) = match (answer.status, meaning) {
            (_, Meaning::Transient { .. }) if answer.from_proxy => {
                (Service::Destination.code("PROXY"), Meaning::Transient { retry_after: None })
            }
            (500.., meaning) => (Service::Destination.code("5XX"), meaning),
            (status, meaning) => (Service::Destination.code(status), meaning),
        };
        let code = code.into();
        let status = answer.status;
        let who = if answer.from_proxy { "the forward proxy (FORWARD_PROXY)" } else { of };
        let message = told(&format!("{who} answered {status}"), &answered.said());
        let beginning = answered.beginning.clone();
        let (status, is_down) = (Some(status), answer.is_down());
        Self { meaning, status, code, message, beginning, is_down }
    }

    pub(super) fn of_row(of: &str, fault: Option<&SqlFault>) -> Self {
        let Some(fault) = fault else {
            return Self {
                meaning: Meaning::Done,
                status: None,
                code: Cow::default(),
                message: String::new(),
                beginning: String::new(),
                is_down: false,
            };
        };
        Self {
            meaning: fault.meaning(),
            status: None,
            code: Service::Destination.code(fault.code()).into(),
            message: told(&format!("{of} refused the row"), &fault.said),
            beginning: String::new(),
            is_down: fault.is_down(),
        }
    }
}

fn told(what: &str, said: &str) -> String {
    if said.is_empty() { what.to_owned() } else { format!("{what}: {said}") }
}
