//! What people call a deal's stage. What was read is kept for a while by `labels`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use reqwest::Method;
use serde::Deserialize;

use super::labels::ByStage;
use super::{HubSpot, Subject, version};
use crate::clients::http::Reply;
use crate::error::{Failure, HandlerError};

impl HubSpot<'_> {
    /// The label of a deal stage. A label only decorates: if it cannot be had the stage's id
    /// stands in for it, and the only failure is that there is no room to ask now.
    pub async fn stage_label(&self, stage: &str) -> Result<String, HandlerError> {
        let labels = match self.api.labels.get(self.run.portal_id(), Instant::now()) {
            Some(labels) => labels,
            None => match self.read_labels().await {
                Ok(labels) => labels,
                Err(error) if matches!(error.kind, Failure::Deferred { .. }) => return Err(error),
                Err(error) => {
                    tracing::warn!(
                        origin = %self.run.origin(),
                        error.code = %error.code,
                        error.message = error.message,
                        "stage labels cannot be read, using the stage's id"
                    );
                    return Ok(stage.to_owned());
                }
            },
        };
        Ok(labels.get(stage).cloned().unwrap_or_else(|| stage.to_owned()))
    }

    async fn read_labels(&self) -> Result<ByStage, HandlerError> {
        let path = [&version::PIPELINES[..], &["deals"]].concat();
        let request = self.api.http.request(Method::GET, &path, &[]);
        let labels = Arc::new(labels_in(&self.send(request, Subject::Other).await?)?);
        self.api.labels.keep(self.run.portal_id(), &labels, Instant::now());
        Ok(labels)
    }
}

fn labels_in(reply: &Reply) -> Result<HashMap<String, String>, HandlerError> {
    #[derive(Deserialize)]
    struct Pipelines {
        results: Vec<Pipeline>,
    }
    #[derive(Deserialize)]
    struct Pipeline {
        stages: Vec<Stage>,
    }
    #[derive(Deserialize)]
    struct Stage {
        id: String,
        label: String,
    }
    let pipelines: Pipelines = reply.json()?;
    let stages = pipelines.results.into_iter().flat_map(|pipeline| pipeline.stages);
    Ok(stages.map(|stage| (stage.id, stage.label)).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;
    use crate::clients::http::{Service, tests::reply};

    #[test]
    fn labels_are_read_from_every_pipeline() {
        let body = r#"{"results":[{"id":"default","stages":[{"id":"closedwon","label":"Closed won"}]},
            {"id":"2","stages":[{"id":"123","label":"Signed"}]}]}"#;
        let labels = labels_in(&reply(Service::HubSpot, 200, None, body)).unwrap();
        assert_eq!((&*labels["closedwon"], &*labels["123"]), ("Closed won", "Signed"));
        let odd = labels_in(&reply(Service::HubSpot, 200, None, r#"{"results":{}}"#));
        assert_eq!(odd.unwrap_err().code, "HUBSPOT_BAD_RESPONSE");
    }
}
