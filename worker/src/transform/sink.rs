//! Where a template prints to, up to the longest body.
//!
//! Owns how a value stands in JSON: as JSON between texts, and as a part of a text within one. So no value
//! ends a text that it stands in. Refuses to take more than a body may have.

use std::io;

use minijinja::{Error, Output, State, Value, escape_formatter};

use super::body::{Gives, MAX_OUTPUT_BYTES};
use super::error::Reason;

/// What a value is marked with on its way here. Templates have no control characters, and JSON has them
/// escaped, so nothing else can be taken for a mark.
const BEGIN: u8 = 1;
const END: u8 = 2;

/// A template's output.
pub(super) struct Sink {
    output: Vec<u8>,
    gives: Gives,
    /// Of a value, what has come of it.
    value: Option<Vec<u8>>,
    in_text: bool,
    escaped: bool,
    refused: Option<Reason>,
}

impl Sink {
    pub(super) fn new(gives: Gives) -> Self {
        let (in_text, escaped) = (false, false);
        Self { output: Vec::new(), gives, value: None, in_text, escaped, refused: None }
    }

    /// All that was printed, or why it was refused.
    pub(super) fn finish(self) -> Result<Vec<u8>, Reason> {
        self.refused.map_or(Ok(self.output), Err)
    }

    fn take(&mut self, byte: u8) -> Result<(), Reason> {
        match (&mut self.value, byte) {
            (_, END) => self.place(),
            (Some(value), _) => {
                value.push(byte);
                Ok(())
            }
            (None, BEGIN) => {
                self.value = Some(Vec::new());
                Ok(())
            }
            (None, _) => {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = self.in_text,
                    b'"' => self.in_text = !self.in_text,
                    _ => {}
                }
                self.push(&[byte])
            }
        }
    }

    fn place(&mut self) -> Result<(), Reason> {
        let value = self.value.take().unwrap_or_default();
        if self.escaped {
            // Together they would be another character than either, and perhaps end the text.
            return Err(Reason::Template("a value cannot follow a backslash".to_owned()));
        }
        match value.as_slice() {
            _ if !self.in_text => self.push(&value),
            b"null" => Ok(()),
            [b'"', text @ .., b'"'] => self.push(text),
            json => {
                for &byte in json {
                    if matches!(byte, b'"' | b'\\') {
                        self.push(b"\\")?;
                    }
                    self.push(&[byte])?;
                }
                Ok(())
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        if self.output.len() + bytes.len() > MAX_OUTPUT_BYTES {
            return Err(Reason::TooLong);
        }
        self.output.extend_from_slice(bytes);
        Ok(())
    }
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = match self.gives {
            Gives::Text => self.push(bytes),
            // A value that is longer than a body is not even collected.
            _ if bytes.len() > MAX_OUTPUT_BYTES => Err(Reason::TooLong),
            Gives::Json | Gives::Form => bytes.iter().try_for_each(|byte| self.take(*byte)),
        };
        taken.map(|()| bytes.len()).map_err(|reason| {
            self.refused = Some(reason);
            io::Error::other("refused")
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Prints a value as JSON, marked.
pub(super) fn print_json(
    output: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    output.write_str("\u{1}")?;
    escape_formatter(output, state, value)?;
    output.write_str("\u{2}")?;
    Ok(())
}

/// Prints a value as people read it: a text as it is, nothing for nothing, all else as in JSON.
pub(super) fn print_text(
    output: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    match value.as_str() {
        Some(text) => Ok(output.write_str(text)?),
        None if value.is_undefined() || value.is_none() => Ok(()),
        None => escape_formatter(output, state, value),
    }
}
