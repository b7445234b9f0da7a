//! What commands say to a terminal or to another program.

use std::fmt::Display;

use serde::Serialize;

use shared::terminal;

use crate::harmless::harmless_json;

/// A line on standard output.
pub(in crate::commands) fn say(line: impl Display) -> std::io::Result<()> {
    terminal::say(line)
}

/// A line on standard error. If that is closed there is nobody to tell.
pub(in crate::commands) fn complain(line: impl Display) {
    terminal::complain(format_args!("worker: {line}"));
}

/// One JSON document in one line.
pub(in crate::commands) fn say_json(value: &impl Serialize) -> anyhow::Result<()> {
    Ok(say(harmless_json(&serde_json::to_string(value)?))?)
}
