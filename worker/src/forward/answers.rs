//! What the answer to a batch means for each of its events.

use std::collections::BTreeMap;
use std::time::Duration;

use super::endpoint::Endpoint;
use super::member::Told;
use crate::clients::destinations::{Answered, beginning};
use crate::destination::{Answer, Failed, Meaning, failures};
use crate::error::HandlerError;
use crate::service::Service;

/// For each of so many events, in their order. `of` is the destination's name.
pub(super) fn of_each(
    of: &str,
    endpoint: &Endpoint,
    answered: &Answered,
    events: usize,
) -> Result<Vec<Told>, HandlerError> {
    let whole = answered.answer;
    let mut failed = BTreeMap::new();
    if whole.meaning(&endpoint.overrides) == Meaning::Done {
        let read = failures(&answered.body, answered.is_whole, events, &endpoint.overrides);
        failed = read.map_err(|unclear| {
            let code = Service::Destination.code("ANSWER");
            HandlerError::transient(code, format!("the answer of {of} {unclear}"))
        })?;
    }
    let mut held = Duration::ZERO;
    let each = (0..events).map(|index| {
        let (answer, beginning, events, is_of_all) = match failed.remove(&index) {
            None => (whole, answered.beginning.clone(), events, true),
            Some(Failed { answer, message }) => {
                (answer, beginning(message.as_bytes(), &endpoint.secrets), 1, false)
            }
        };
        let is_known = is_known(endpoint, answer, is_of_all, &mut held);
        let answered = Answered { answer, beginning, body: Vec::new(), is_whole: true };
        Told { answered, events, is_of_all, is_known }
    });
    Ok(each.collect())
}

/// Whether an earlier one asks to be left alone for as long.
fn is_known(endpoint: &Endpoint, answer: Answer, is_of_all: bool, held: &mut Duration) -> bool {
    let wait = match answer.meaning(&endpoint.overrides) {
        Meaning::Held { wait } => wait,
        Meaning::Gone if is_of_all => Duration::MAX,
        Meaning::Gone | Meaning::Done | Meaning::Transient { .. } | Meaning::Permanent => {
            return false;
        }
    };
    let is_known = wait <= *held;
    *held = wait.max(*held);
    is_known
}
