//! The properties of any record, as they are now.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{HubSpot, SETTLED, Subject, version};
use crate::error::HandlerError;

/// In line, until somebody says whose the token is.
const UNTOLD: Duration = Duration::from_mins(5);
const ADVICE: &str = "HubSpot does not say which portal HUBSPOT_ACCESS_TOKEN is for, and a record may be another's: \
    set HUBSPOT_PORTAL_ID";

impl HubSpot<'_> {
    /// These properties of the record; `None` if it is no longer there. `object_type` is as in paths: a name
    /// (`deals`) or an id (`0-3`).
    pub(crate) async fn properties(
        &self,
        object_type: &str,
        id: u64,
        properties: &[&str],
    ) -> Result<Option<Value>, HandlerError> {
        #[derive(Deserialize)]
        struct Answer {
            properties: Map<String, Value>,
        }
        // It goes out to somebody: never another portal's record, which may have the same id.
        if !self.is_surely_of_the_portal().await? {
            let untold = Err(HandlerError::deferred(UNTOLD, "HUBSPOT_PORTAL_UNTOLD", ADVICE));
            return self.run.waiting_elsewhere(untold);
        }
        let path = id.to_string();
        let path = [&version::OBJECTS[..], &[object_type, &path]].concat();
        let names = properties.join(",");
        let request = self.api.http.request(Method::GET, &path, &[("properties", &names)]);
        let reply = self.ask(request).await?;
        if reply.status == StatusCode::NOT_FOUND && self.run.since_change() >= SETTLED {
            return Ok(None);
        }
        let answer: Answer = self.accept(reply, Subject::Record)?.json()?;
        Ok(Some(Value::Object(answer.properties)))
    }
}
