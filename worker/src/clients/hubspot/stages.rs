//! What people call the stages of a portal's pipelines.

use std::collections::HashMap;
use std::sync::Arc;

use reqwest::Method;
use serde::Deserialize;
use tokio::time::Instant;

use super::pipelines::{ByStage, Pipelines};
use super::{HubSpot, Subject, version};
use crate::clients::http::Reply;
use crate::error::HandlerError;

impl HubSpot<'_> {
    /// The label of a deal stage. A label only decorates: if it cannot be had the stage's id
    /// stands in for it, and the only failure is that there is no room to ask now.
    pub async fn stage_label(&self, stage: &str) -> Result<String, HandlerError> {
        let seen = Instant::now();
        let known = match self.stages(Pipelines::Deals).await {
            Ok(Some(labels)) if labels.contains_key(stage) => Ok(Some(labels)),
            Ok(Some(_)) => self.stages_anew(Pipelines::Deals, seen).await,
            other => other,
        };
        let labels = match known {
            Ok(labels) => labels,
            Err(error) if error.is_deferred() => return Err(error),
            Err(error) => {
                tracing::warn!(
                    origin = %self.run.origin(),
                    error.code = %error.code,
                    error.message = error.message,
                    "stage labels cannot be read, using the stage's id"
                );
                None
            }
        };
        let label = labels.and_then(|labels| labels.get(stage).cloned());
        Ok(label.unwrap_or_else(|| stage.to_owned()))
    }

    /// The labels of all stages of the portal's pipelines; `None` if HubSpot refuses to say.
    pub(crate) async fn stages(
        &self,
        pipelines: Pipelines,
    ) -> Result<Option<ByStage>, HandlerError> {
        let kept = self.api.stages.of(pipelines);
        self.told(kept.get(self.run.portal_id(), Box::pin(self.read_stages(pipelines))).await)
    }

    /// The same for who misses a stage in what was known at `seen`: it may be a new one.
    pub(crate) async fn stages_anew(
        &self,
        pipelines: Pipelines,
        seen: Instant,
    ) -> Result<Option<ByStage>, HandlerError> {
        let kept = self.api.stages.of(pipelines);
        self.told(
            kept.anew(self.run.portal_id(), seen, Box::pin(self.read_stages(pipelines))).await,
        )
    }

    async fn read_stages(&self, pipelines: Pipelines) -> Result<ByStage, HandlerError> {
        let object_type = match pipelines {
            Pipelines::Deals => "deals",
            Pipelines::Tickets => "tickets",
        };
        let path = [&version::PIPELINES[..], &[object_type]].concat();
        let request = self.api.http.request(Method::GET, &path, &[]);
        Ok(Arc::new(labels_in(&self.send(request, Subject::Other).await?)?))
    }
}

fn labels_in(reply: &Reply) -> Result<HashMap<String, String>, HandlerError> {
    #[derive(Deserialize)]
    struct Answer {
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
    let answer: Answer = reply.json()?;
    let stages = answer.results.into_iter().flat_map(|pipeline| pipeline.stages);
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
