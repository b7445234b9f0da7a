//! The properties of any record, as they are now.

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{HubSpot, SETTLED, Subject, version};
use crate::error::HandlerError;

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
        let sure = self.api.portal.check_surely(self.run.portal_id()).await;
        self.run.waiting_elsewhere(sure)?;
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
