//! What is written to a terminal or to another program. Letters hold other people's words: nothing
//! in them may steer a terminal.

use std::fmt::Display;
use std::io::Write as _;

use serde::Serialize;

use crate::harmless::harmless_json;

/// A line on standard output.
pub(in crate::commands) fn say(line: impl Display) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}

/// A line on standard error. If that is closed there is nobody to tell.
pub(in crate::commands) fn complain(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "worker: {line}");
}

/// One JSON document in one line.
pub(in crate::commands) fn say_json(value: &impl Serialize) -> anyhow::Result<()> {
    Ok(say(harmless_json(&serde_json::to_string(value)?))?)
}
