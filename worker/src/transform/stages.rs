//! The filters `stage` and `stage_colour`: a deal's stage by what people call it.
//!
//! Owns what HubSpot calls the stages of the pipeline that every portal begins with. A portal's own stages
//! come with the event, and come first.

use std::borrow::Cow;

use minijinja::{State, Value};
use serde::Serialize;

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

/// A stage of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Stage {
    /// `Contract Sent`.
    pub(crate) label: String,
    /// `#ff8f59`, if it has one.
    pub(crate) colour: Option<String>,
}

/// `event.propertyValue|stage`: its label. An id that nobody knows is its own label.
pub(super) fn stage(state: &State<'_, '_>, id: &Value) -> Value {
    let Some(text) = scalar::text(id) else {
        return id.clone();
    };
    let shipped = || shipped(&text).map(|(label, _)| Value::from(label));
    own(state, &text, "label")
        .or_else(shipped)
        .unwrap_or_else(|| Value::from(Cow::into_owned(text.clone())))
}

/// `event.propertyValue|stage_colour`: its colour, which is missing if nobody knows one.
pub(super) fn stage_colour(state: &State<'_, '_>, id: &Value) -> Value {
    let Some(text) = scalar::text(id) else {
        return Value::UNDEFINED;
    };
    let shipped = || shipped(&text).map(|(_, colour)| Value::from(colour));
    own(state, &text, "colour").or_else(shipped).unwrap_or(Value::UNDEFINED)
}

fn own(state: &State<'_, '_>, id: &str, what: &str) -> Option<Value> {
    let found = state.lookup(STAGES)?.get_attr(id).ok()?;
    found.get_attr(what).ok().filter(|it| !it.is_undefined() && !it.is_none())
}

fn shipped(id: &str) -> Option<(&'static str, &'static str)> {
    let found = DEFAULT_PIPELINE.iter().find(|(known, ..)| *known == id);
    found.map(|(_, label, colour)| (*label, *colour))
}
