//! What a template is given: the event, its record, its portal and the portal's stages.
//!
//! Owns the names under which a template finds them. Refuses everything else: no file, no environment, no
//! network and no clock.

use std::sync::Arc;

use minijinja::value::Serde;
use minijinja::{Value, context};

use super::link;
use super::portal::Portal;
use super::stages::Stages;

/// What a body is made of.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    /// As HubSpot sent it.
    pub(crate) event: &'a serde_json::Value,
    /// The record's properties by name, if they were read.
    pub(crate) record: Option<&'a serde_json::Value>,
    /// Where the event comes from.
    pub(crate) portal: Portal<'a>,
    /// The portal's own stages.
    pub(crate) stages: &'a Arc<Stages>,
}

impl Input<'_> {
    /// The names that a template finds.
    pub(super) fn context(&self) -> Value {
        let Portal { id, ui_domain } = self.portal;
        let domain = ui_domain.to_owned();
        let link = move |object_type: &Value, record: &Value| {
            link::link(&Portal { id, ui_domain: &domain }, object_type, record)
        };
        context! {
            event => Serde(self.event),
            record => Serde(self.record),
            portal => context! { id, ui_domain },
            stages => Value::from_dyn_object(Arc::clone(self.stages)),
            link => Value::from_function(link),
        }
    }
}
