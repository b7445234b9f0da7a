//! What goes out to a tenant's destination, made from an event by a template.
//!
//! Owns the template's language: Jinja's, with `event`, `record` and `portal`; the functions `link`,
//! `object_type` and `range`; the filters `time`, `number`, `money`, `stage`, `stage_colour`, `slack`, and
//! those of Jinja that `vocabulary` lists. Values are escaped by where they stand: `{"a": {{ x }}, "b": "to
//! {{ x }}"}` is JSON whatever `x` is. What an event does not have is `null` there, and nothing in a text.
//! Refuses to read files, the environment, the network or a clock, and to cost more than one event may.

mod body;
mod check;
mod engine;
mod error;
mod grammar;
mod input;
mod link;
mod needs;
mod number;
mod portal;
mod properties;
mod scalar;
mod shapes;
mod shipped;
mod sink;
mod stages;
#[cfg(test)]
mod tests;
mod time;
mod vocabulary;

use std::collections::BTreeSet;
use std::fmt;

use minijinja::Environment;

pub(crate) use body::{Gives, Made};
pub(crate) use error::TransformError;
pub(crate) use input::Input;
pub(crate) use needs::Needs;
pub(crate) use portal::Portal;
pub(crate) use stages::Stages;

use sink::Sink;

/// The only template of its engine.
const NAME: &str = "";

/// A template that was read, and what it gives.
pub(crate) struct Transform {
    engine: Environment<'static>,
    gives: Gives,
    needs: Needs,
    properties: BTreeSet<String>,
}

impl Transform {
    /// Reads a template of at most 64 KiB. Names, filters and functions that do not exist are found here.
    pub(crate) fn parse(template: &str, gives: Gives) -> Result<Self, TransformError> {
        let needs = check::check(template)?;
        let mut engine = engine::engine(gives);
        engine
            .add_template_owned(NAME, template.to_owned())
            .map_err(|error| TransformError::of_parsing(template, &error))?;
        let properties = properties::properties(template);
        Ok(Self { engine, gives, needs, properties })
    }

    /// The properties of the CRM record that it asks for.
    pub(crate) fn properties(&self) -> &BTreeSet<String> {
        &self.properties
    }

    /// What it has to be told of the portal.
    pub(crate) fn needs(&self) -> Needs {
        self.needs
    }

    /// The body for an event; None if the template drops it, which it does by printing nothing, or `null`.
    pub(crate) fn apply(&self, input: &Input<'_>) -> Result<Option<Made>, TransformError> {
        let mut sink = Sink::new(self.gives);
        let rendered = self.render(input, &mut sink);
        match (sink.finish(), rendered) {
            // The sink knows better than the engine why it took no more.
            (Err(reason), _) => Err(reason.into()),
            (Ok(_), Err(failed)) => Err(failed),
            (Ok(output), Ok(())) => Ok(body::made(output, self.gives)?),
        }
    }

    fn render(&self, input: &Input<'_>, sink: &mut Sink) -> Result<(), TransformError> {
        let failed = TransformError::of_rendering;
        let template = self.engine.get_template(NAME).map_err(|error| failed("", &error))?;
        let rendered = template.render_captured_to(input.context(), sink);
        rendered.map(drop).map_err(|error| failed(template.source(), &error))
    }

    /// A template that comes with Hubline, and what it gives.
    pub(crate) fn shipped(name: &str) -> Option<(&'static str, Gives)> {
        shipped::find(name)
    }

    /// The names of those that come with Hubline.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        shipped::names()
    }
}

/// Without the template, in which somebody may have written a token.
impl fmt::Debug for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transform").field("gives", &self.gives).finish_non_exhaustive()
    }
}
