//! What is said to whoever started a program. Others' words are in it (answers, errors, events), so
//! all of it is made harmless here, without being asked: nothing else writes to a terminal.

use std::fmt::Display;
use std::io::{self, Write as _};

use crate::harmless::harmless_lines;

/// A line, or some, on standard output.
pub fn say(line: impl Display) -> io::Result<()> {
    writeln!(io::stdout(), "{}", harmless_lines(&line.to_string()))
}

/// The same on standard error. If that is closed there is nobody to tell.
pub fn complain(line: impl Display) {
    let _ = writeln!(io::stderr(), "{}", harmless_lines(&line.to_string()));
}

/// Asks on standard error, and leaves the cursor behind the question.
pub fn ask(question: impl Display) -> io::Result<()> {
    let mut error = io::stderr();
    write!(error, "{} ", harmless_lines(&question.to_string()))?;
    error.flush()
}
