//! The template engine as transforms have it: what it knows, and what one event may cost.
//!
//! Owns the limits of a template at work, and that no filter or function reads anything but its arguments and
//! the input. Only what `check` lets through is compiled here.

use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior, Value};

use super::body::Gives;
use super::error::Words;
use super::{link, number, sink, stages, time};

/// Steps of the engine, or 64 bytes made: some 12 MB at the very most, and a few ms.
const FUEL: u64 = 200_000;

/// An engine for templates that give this.
pub(super) fn engine(gives: Gives) -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_debug(false);
    engine.set_fuel(Some(FUEL));
    // `record.owner.name` is missing if `owner` is: what HubSpot leaves out is no mistake of the template.
    engine.set_undefined_behavior(UndefinedBehavior::Chainable);
    engine.set_auto_escape_callback(|_| AutoEscape::Json);
    match gives {
        Gives::Json | Gives::Form => {
            engine.set_formatter(sink::print_json);
            // It is JSON already.
            engine.add_filter("tojson", |value: Value| value);
        }
        Gives::Text => {
            engine.set_formatter(sink::print_text);
            engine.add_filter("tojson", json);
        }
    }
    engine.add_filter("money", number::money);
    engine.add_filter("number", number::number);
    engine.add_filter("slack", slack);
    engine.add_filter("stage", stages::stage);
    engine.add_filter("stage_colour", stages::stage_colour);
    engine.add_filter("time", time::time);
    engine.add_function("object_type", link::object_type);
    engine
}

fn json(value: &Value) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|_| Words("this is no value of JSON").into())
}

/// `record.dealname|slack`: a text in which `<!channel>` is no call, with the three characters escaped by
/// which Slack's mark-up reaches out. A missing value stays missing.
fn slack(text: Value) -> Value {
    match text.as_str() {
        None => text,
        Some(text) => {
            Value::from(text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
        }
    }
}
