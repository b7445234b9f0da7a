//! Why a template makes no body, in words for who wrote it.
//!
//! Owns the words, and where in the template it is. Refuses to quote what a template was given or what it
//! printed: an event's content stays out of errors and logs.

use std::error::Error as _;
use std::fmt::{self, Display};

use minijinja::{Error, ErrorKind};
use thiserror::Error as ThisError;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TransformError {
    /// The line of the template, from 1, if it is known.
    pub(crate) line: Option<usize>,
    /// The character in that line, from 1.
    pub(crate) column: Option<usize>,
    /// What is wrong there.
    pub(crate) reason: Reason,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
pub(crate) enum Reason {
    /// The template has more than 64 KiB.
    #[error("a template has at most 64 KiB")]
    TemplateTooLong,
    /// It is no template of this language: where is a place of the template.
    #[error("{0}")]
    Template(String),
    /// The template or what it prints is nested deeper than is followed; an expression can be too long too.
    #[error("this is nested too deep, or too long")]
    TooDeep,
    /// The fuel is used up.
    #[error("it does more than one event may cost: its loops are too long, or its texts")]
    TooMuch,
    /// The output has more than 1 MiB.
    #[error("it makes more than 1 MiB")]
    TooLong,
    /// Something cannot be done with what this event has.
    #[error("{0}")]
    Value(&'static str),
    /// The output is no JSON: where is a place of the output.
    #[error("what it makes is no JSON: {0} of what it makes")]
    NotJson(String),
    /// The output is no object of texts and numbers, of which a form is made.
    #[error("a form is made of a JSON object of texts and numbers, but {0}")]
    NotAForm(&'static str),
}

impl TransformError {
    /// At the byte `offset` of the template.
    pub(super) fn at(template: &str, offset: usize, reason: Reason) -> Self {
        let before = template.get(..offset).unwrap_or(template);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let column = before[start..].chars().count() + 1;
        Self { line: Some(line), column: Some(column), reason }
    }

    /// The template is refused. Its own text is all that there is to tell of yet.
    pub(super) fn of_parsing(template: &str, error: &Error) -> Self {
        let words = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        let reason = if words.contains("maximum recursion") {
            Reason::TooDeep
        } else {
            Reason::Template(words)
        };
        Self::placed(template, error, reason)
    }

    /// It failed with an event, whose values the engine's own words may quote.
    pub(super) fn of_rendering(template: &str, error: &Error) -> Self {
        let reason = match error.kind() {
            ErrorKind::OutOfFuel => Reason::TooMuch,
            kind => Reason::Value(words(error, kind)),
        };
        Self::placed(template, error, reason)
    }

    fn placed(template: &str, error: &Error, reason: Reason) -> Self {
        match error.range() {
            Some(range) => Self::at(template, range.start, reason),
            None => Self { line: error.line(), column: None, reason },
        }
    }
}

impl From<Reason> for TransformError {
    fn from(reason: Reason) -> Self {
        Self { line: None, column: None, reason }
    }
}

/// `line 3, column 7: …`.
impl Display for TransformError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, "line {line}, column {column}: ")?,
            (Some(line), None) => write!(f, "line {line}: ")?,
            _ => {}
        }
        self.reason.fmt(f)
    }
}

impl std::error::Error for TransformError {}

/// Words of our own in an error of the engine, which can be repeated: they quote no value.
#[derive(Debug, ThisError)]
#[error("{0}")]
pub(super) struct Words(pub(super) &'static str);

impl From<Words> for Error {
    fn from(words: Words) -> Self {
        Self::from(ErrorKind::InvalidOperation).with_source(words)
    }
}

fn words(error: &Error, kind: ErrorKind) -> &'static str {
    let own = error.source().and_then(|source| source.downcast_ref::<Words>());
    match (own, kind) {
        (Some(Words(words)), _) => words,
        (_, ErrorKind::MissingArgument) => "an argument is missing",
        (_, ErrorKind::TooManyArguments) => "this takes fewer arguments",
        (_, ErrorKind::CannotUnpack) => "this is no list of as many values",
        _ => "this cannot be done with the values that it has",
    }
}
