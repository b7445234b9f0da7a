//! What people call a deal's stage.
//!
//! Owns a small memory of labels per portal: stages are renamed rarely, and each look-up costs
//! a request of the portal's budget.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde::Deserialize;

use super::{HubSpot, Subject, version};
use crate::clients::http::Reply;
use crate::error::{Failure, HandlerError};

/// How long labels are believed.
const KEPT: Duration = Duration::from_mins(10);

/// Portals whose labels are kept.
const MAX_PORTALS: usize = 1000;

type ByStage = Arc<HashMap<String, String>>;

/// Labels by portal and stage, with the time they were read.
#[derive(Debug, Default)]
pub(super) struct Labels(Mutex<HashMap<u64, (Instant, ByStage)>>);

impl Labels {
    fn get(&self, portal_id: u64, now: Instant) -> Option<ByStage> {
        let portals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (read, labels) = portals.get(&portal_id)?;
        (now.duration_since(*read) < KEPT).then(|| Arc::clone(labels))
    }

    fn keep(&self, portal_id: u64, labels: &ByStage, now: Instant) {
        let mut portals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if portals.len() >= MAX_PORTALS {
            portals.retain(|_, (read, _)| now.duration_since(*read) < KEPT);
        }
        if portals.len() < MAX_PORTALS || portals.contains_key(&portal_id) {
            portals.insert(portal_id, (now, Arc::clone(labels)));
        }
    }
}

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
                        portal.id = self.run.portal_id(),
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
        let labels = Arc::new(read(&self.send(request, Subject::Other).await?)?);
        self.api.labels.keep(self.run.portal_id(), &labels, Instant::now());
        Ok(labels)
    }
}

fn read(reply: &Reply) -> Result<HashMap<String, String>, HandlerError> {
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
        let labels = read(&reply(Service::HubSpot, 200, None, body)).unwrap();
        assert_eq!((&*labels["closedwon"], &*labels["123"]), ("Closed won", "Signed"));
        let odd = read(&reply(Service::HubSpot, 200, None, r#"{"results":{}}"#));
        assert_eq!(odd.unwrap_err().code, "HUBSPOT_BAD_RESPONSE");
    }

    #[test]
    fn labels_are_kept_for_a_while_per_portal() {
        let (labels, now) = (Labels::default(), Instant::now());
        labels.keep(1, &Arc::default(), now);
        assert!(labels.get(1, now + KEPT / 2).is_some());
        assert!(labels.get(1, now + KEPT).is_none());
        assert!(labels.get(2, now).is_none());
    }

    #[test]
    fn the_memory_is_bounded_and_makes_room_for_the_new() {
        let (labels, now) = (Labels::default(), Instant::now());
        for portal_id in 0..2000 {
            labels.keep(portal_id, &Arc::default(), now);
        }
        assert!(labels.get(5000, now).is_none() && labels.get(1999, now).is_none());
        assert_eq!(labels.0.lock().unwrap().len(), MAX_PORTALS);
        labels.keep(5000, &Arc::default(), now + KEPT);
        assert!(labels.get(5000, now + KEPT).is_some());
    }
}
