//! What templates are told of the event's portal: asked from HubSpot, or what holds for most.
//!
//! Owns that nothing is asked which the template does not use, and that an event whose portal cannot be asked
//! at all, for want of a token, goes out all the same.

use std::sync::Arc;

use shared::event::Event;
use shared::senders::hubspot::{HubSpotEvent, ObjectType};
use tokio::time::Instant;

use crate::clients::hubspot::Pipelines;
use crate::context::Context;
use crate::error::{Failure, HandlerError};
use crate::transform::{Needs, Stages};

/// Where HubSpot's pages are, of accounts in most places.
const UI_DOMAIN: &str = "app.hubspot.com";

/// A portal, as far as a template needs it.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) ui_domain: Arc<str>,
    /// Its own, if it was asked.
    pub(crate) stages: Arc<Stages>,
    /// Which stages, and when they were asked for.
    asked: Option<(Pipelines, Instant)>,
}

/// One that was not asked.
impl Default for Account {
    fn default() -> Self {
        Self { ui_domain: UI_DOMAIN.into(), stages: Arc::default(), asked: None }
    }
}

impl Account {
    /// The event's portal. Fails where HubSpot may be asked, and cannot be for now.
    pub(crate) async fn of(
        cx: &Context,
        event: &Event,
        needs: Needs,
    ) -> Result<Self, HandlerError> {
        let mut account = Self::default();
        if !needs.stages && !needs.ui_domain {
            return Ok(account);
        }
        let hubspot = match cx.hubspot() {
            Ok(hubspot) => hubspot,
            Err(error) if may_pass(&error) => return Err(error),
            // There is no token for this portal.
            Err(_) => return Ok(account),
        };
        match Box::pin(hubspot.is_surely_of_the_portal()).await {
            Ok(true) => {}
            Err(error) if may_pass(&error) => return Err(error),
            // It is another portal's, or may be: that one's words are not for this one's people.
            Ok(false) | Err(_) => return Ok(account),
        }
        if needs.ui_domain
            && let Some(domain) = Box::pin(hubspot.ui_domain()).await?
        {
            account.ui_domain = domain;
        }
        if needs.stages {
            let (pipelines, now) = (pipelines(event), Instant::now());
            if let Some(labels) = Box::pin(hubspot.stages(pipelines)).await? {
                account.stages = Arc::new(Stages::of(labels));
                account.asked = Some((pipelines, now));
            }
        }
        Ok(account)
    }

    /// The same with newer stages, for a template that missed one; `None` if there are no others.
    pub(crate) async fn anew(&self, cx: &Context) -> Result<Option<Self>, HandlerError> {
        let (Some((pipelines, seen)), true) = (self.asked, self.stages.has_missed()) else {
            return Ok(None);
        };
        let Ok(hubspot) = cx.hubspot() else { return Ok(None) };
        let labels = Box::pin(hubspot.stages_anew(pipelines, seen)).await?;
        let is_newer = |labels: &_| !self.stages.are(labels);
        let newer = labels.filter(is_newer).map(|labels| Arc::new(Stages::of(labels)));
        Ok(newer.map(|stages| Self { stages, ..self.clone() }))
    }
}

fn may_pass(error: &HandlerError) -> bool {
    !matches!(error.kind, Failure::Permanent | Failure::Skipped | Failure::Gone { .. })
}

/// The pipelines that the event's record goes through; deals', if it goes through none.
fn pipelines(event: &Event) -> Pipelines {
    let object_type = event.hubspot().ok().map(HubSpotEvent::object_type);
    if object_type == Some(ObjectType::Ticket) { Pipelines::Tickets } else { Pipelines::Deals }
}
