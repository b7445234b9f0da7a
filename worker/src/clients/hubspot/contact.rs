//! What has become of one contact.

use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::id::Id;
use super::{HubSpot, Subject, version};
use crate::clients::http::Reply;
use crate::error::HandlerError;

/// Whether a contact is there, as HubSpot has it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is there.
    Here,
    /// It was merged into this one: HubSpot reads the one that is left under the ids of all.
    Merged(u64),
    /// HubSpot does not know it: deleted, or created or restored so lately that it is not found yet.
    Missing,
}

impl HubSpot<'_> {
    /// Reads whether the contact is there. What it means that it is missing is left to who asks.
    pub async fn contact(&self, id: u64) -> Result<Presence, HandlerError> {
        let path = id.to_string();
        let path = [&version::OBJECTS[..], &["contacts", &path]].concat();
        let request = self.api.http.request(Method::GET, &path, &[("properties", "hs_object_id")]);
        let reply = self.ask(request).await?;
        if reply.status == StatusCode::NOT_FOUND {
            return Ok(Presence::Missing);
        }
        read(&self.accept(reply, Subject::Other)?, id)
    }
}

fn read(reply: &Reply, asked: u64) -> Result<Presence, HandlerError> {
    #[derive(Deserialize)]
    struct Answer {
        id: Option<Id>,
        #[serde(default)]
        archived: bool,
    }
    let answer: Answer = reply.json()?;
    if answer.archived {
        return Ok(Presence::Missing);
    }
    let id = match answer.id {
        None => asked,
        Some(id) => {
            id.number().ok_or_else(|| reply.bad("gives a contact an id that is no number"))?
        }
    };
    Ok(if id == asked { Presence::Here } else { Presence::Merged(id) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;
    use crate::clients::http::{Service, tests::reply};

    #[test]
    fn a_contact_is_here_or_another_or_in_the_archive() {
        for (body, presence) in [
            (r#"{"id":"7","properties":{}}"#, Presence::Here),
            (r#"{"id":7,"archived":false}"#, Presence::Here),
            (r#"{"properties":{}}"#, Presence::Here),
            (r#"{"id":"999","properties":{"hs_object_id":"999"}}"#, Presence::Merged(999)),
            (r#"{"id":"7","archived":true}"#, Presence::Missing),
        ] {
            assert_eq!(read(&reply(Service::HubSpot, 200, None, body), 7).unwrap(), presence);
        }
        for odd in ["", "[]", r#"{"id":"x"}"#] {
            let error = read(&reply(Service::HubSpot, 200, None, odd), 7).unwrap_err();
            assert_eq!(error.code, "HUBSPOT_BAD_RESPONSE", "{odd}");
        }
    }
}
