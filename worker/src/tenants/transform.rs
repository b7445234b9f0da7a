//! A route's transform: one that comes with Hubline, by its name, or a template of its own.
//!
//! Refuses to know templates: somebody else says whether it is one.

use std::fmt;

use toml::de::DeValue;

use super::section::Section;
use super::value::{choice, text};

/// Says what is wrong with a transform, and what to do.
pub(crate) type CheckTransform<'c> = dyn Fn(&Transform) -> Result<(), String> + 'c;

/// A transform as the file has it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Transform {
    Shipped(String),
    Own { template: String, gives: Gives },
}

/// What a template's output is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Gives {
    #[default]
    Json,
    Form,
    Text,
}

/// Somebody may have written a token into a template.
impl fmt::Debug for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shipped(name) => f.debug_tuple("Shipped").field(name).finish(),
            Self::Own { gives, .. } => {
                f.debug_struct("Own").field("gives", gives).finish_non_exhaustive()
            }
        }
    }
}

impl Transform {
    /// Whether its output is JSON, which all are that come with Hubline.
    pub(crate) fn gives_json(&self) -> bool {
        !matches!(self, Self::Own { gives: Gives::Form | Gives::Text, .. })
    }

    /// That of a route, if it has one and that is not faulty.
    pub(crate) fn read(section: &Section<'_>, check: &CheckTransform<'_>) -> Option<Self> {
        let read = match section.value("transform")?.get_ref() {
            DeValue::String(name) => Self::Shipped(name.clone().into_owned()),
            DeValue::Table(_) => Self::own(&section.table("transform")?)?,
            _ => {
                let message = "must be a name in quotes, or { template = \"…\", gives = \"json\" }";
                section.fault("transform", message);
                return None;
            }
        };
        check(&read).map_err(|message| section.fault("transform", message)).ok()?;
        Some(read)
    }

    fn own(table: &Section<'_>) -> Option<Self> {
        table.only(&["template", "gives"]);
        let words = [("json", Gives::Json), ("form", Gives::Form), ("text", Gives::Text)];
        let gives = if table.has("gives") {
            table.optional("gives", |value| choice(value, &words))?
        } else {
            Gives::default()
        };
        let template =
            table.required("template", "\"…\"", |value| text(value).map(str::to_owned));
        Some(Self::Own { template: template?, gives })
    }
}
