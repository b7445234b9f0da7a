//! The filters `stage` and `stage_colour`: a deal's stage by what people call it.
//!
//! Owns what HubSpot calls the stages of the pipeline that every portal begins with. A portal's own stages
//! come with the event, and come first: their labels. HubSpot has no colours.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use minijinja::value::Object;
use minijinja::{State, Value};

use super::scalar;

/// The name in a template's context, which templates themselves do not use.
pub(super) const STAGES: &str = "stages";

/// The default pipeline, in its order: id, label, colour. Colours are ours; HubSpot has none.
const DEFAULT_PIPELINE: [(&str, &str, &str); 7] = [
    ("appointmentscheduled", "Appointment Scheduled", "#7fd1de"),
    ("qualifiedtobuy", "Qualified To Buy", "#6a78d1"),
    ("presentationscheduled", "Presentation Scheduled", "#9784c2"),
    ("decisionmakerboughtin", "Decision Maker Bought-In", "#f5c26b"),
    ("contractsent", "Contract Sent", "#ff8f59"),
    ("closedwon", "Closed Won", "#2eb67d"),
    ("closedlost", "Closed Lost", "#e01e5a"),
];

/// A portal's own stages, for one event.
#[derive(Debug, Default)]
pub(crate) struct Stages {
    /// By id.
    labels: Arc<HashMap<String, String>>,
    has_missed: AtomicBool,
}

impl Object for Stages {}

impl Stages {
    /// With these labels by id.
    pub(crate) fn of(labels: Arc<HashMap<String, String>>) -> Self {
        Self { labels, has_missed: AtomicBool::new(false) }
    }

    /// Whether they are these very ones.
    pub(crate) fn are(&self, labels: &Arc<HashMap<String, String>>) -> bool {
        Arc::ptr_eq(&self.labels, labels)
    }

    /// Whether the label of a stage was asked for that nobody knows.
    pub(crate) fn has_missed(&self) -> bool {
        self.has_missed.load(Ordering::Relaxed)
    }
}

/// `event.propertyValue|stage`: its label. An id that nobody knows is its own label.
pub(super) fn stage(state: &State<'_, '_>, id: &Value) -> Value {
    let Some(text) = scalar::text(id) else {
        return id.clone();
    };
    let own = state.lookup(STAGES);
    let own = own.as_ref().and_then(|own| own.downcast_object_ref::<Stages>());
    if let Some(label) = own.and_then(|own| own.labels.get(&*text)) {
        return Value::from(label.as_str());
    }
    if let Some((label, _)) = shipped(&text) {
        return Value::from(label);
    }
    if let (Some(own), false) = (own, text.is_empty()) {
        own.has_missed.store(true, Ordering::Relaxed);
    }
    Value::from(Cow::into_owned(text.clone()))
}

/// `event.propertyValue|stage_colour`: its colour, which is missing if nobody knows one.
pub(super) fn stage_colour(id: &Value) -> Value {
    let found = scalar::text(id).and_then(|text| shipped(&text).map(|(_, colour)| colour));
    found.map_or(Value::UNDEFINED, Value::from)
}

fn shipped(id: &str) -> Option<(&'static str, &'static str)> {
    let found = DEFAULT_PIPELINE.iter().find(|(known, ..)| *known == id);
    found.map(|(_, label, colour)| (*label, *colour))
}
