//! What commands say to a terminal or to another program.

use std::fmt::Display;
use std::process::ExitCode;

use serde::Serialize;
use shared::harmless::{harmless_json, harmless_lines};
use shared::terminal;

/// A line on standard output.
pub(in crate::commands) fn say(line: impl Display) -> std::io::Result<()> {
    terminal::say(line)
}

/// A line on standard error. If that is closed there is nobody to tell.
pub(in crate::commands) fn complain(line: impl Display) {
    terminal::complain(format_args!("worker: {line}"));
}

/// What the other side answered, below the line of the log that it belongs to.
pub(in crate::commands) fn answered(answer: &str) -> String {
    let lines = harmless_lines(answer);
    lines.lines().map(|line| format!("    | {line}")).collect::<Vec<_>>().join("\n")
}

/// One JSON document in one line.
pub(in crate::commands) fn say_json(value: &impl Serialize) -> anyhow::Result<()> {
    Ok(say(harmless_json(&serde_json::to_string(value)?))?)
}

/// How a command ends that has begun: false is said already, and whoever reads the output may have had
/// enough of it.
pub(in crate::commands) fn exit_code(done: anyhow::Result<bool>) -> ExitCode {
    let is_closed_pipe = |error: &anyhow::Error| {
        let error = error.downcast_ref::<std::io::Error>();
        error.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
