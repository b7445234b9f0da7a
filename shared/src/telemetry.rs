//! Logging: JSON lines for machines, readable lines on a terminal.

use std::io::{self, IsTerminal, Write};

use tokio::sync::mpsc;
use tracing_subscriber::util::SubscriberInitExt;

use crate::harmless::{harmless_json, steers};
use crate::settings::{LogFormat, LogSettings};

mod filter;

use filter::filter;

/// Starts logging for the whole process into the receiver, a JSON object a line, for a program that
/// shows what it reads there.
pub fn into_lines(filter: &str) -> anyhow::Result<mpsc::UnboundedReceiver<String>> {
    let (lines, receiver) = mpsc::unbounded_channel();
    tracing_subscriber::fmt()
        .with_env_filter(self::filter(filter)?)
        .with_writer(move || Line(lines.clone()))
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .finish()
        .try_init()?;
    Ok(receiver)
}

/// Takes one event of the log, which is written whole.
struct Line(mpsc::UnboundedSender<String>);

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let _ = self.0.send(String::from_utf8_lossy(line).trim_end().to_owned());
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Starts logging to standard error for the whole process. Standard output is left to what a
/// command prints.
pub fn init(settings: &LogSettings) -> anyhow::Result<()> {
    let filter = filter(&settings.log_level)
        .map_err(|error| anyhow::anyhow!("LOG_LEVEL is not understood: {error}"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // A closed standard error must not take the tasks along that log to it.
        .log_internal_errors(false);
    let pretty = match settings.log_format {
        LogFormat::Json => false,
        LogFormat::Pretty => true,
        LogFormat::Auto => std::io::stderr().is_terminal(),
    };
    if pretty {
        let has_colours = io::stderr().is_terminal();
        builder
            .with_target(false)
            .with_ansi(has_colours)
            .with_writer(move || Harmless(if has_colours { line_in_colours } else { line }))
            .finish()
            .try_init()?;
    } else {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_writer(|| Harmless(harmless_json))
            .finish()
            .try_init()?;
    }
    Ok(())
}

/// Standard error, to which others' words are written harmlessly. An event of the log comes whole.
struct Harmless(fn(&str) -> String);

impl Write for Harmless {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        if is_plain(event) {
            io::stderr().write_all(event)?;
            return Ok(event.len());
        }
        let text = String::from_utf8_lossy(event);
        let end = if text.ends_with('\n') { "\n" } else { "" };
        let text = self.0(text.strip_suffix('\n').unwrap_or(&text)) + end;
        io::stderr().write_all(text.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Whether nothing in a line is written in another way than it stands, as in most: to look at each character
/// costs as much as to write them.
fn is_plain(event: &[u8]) -> bool {
    event.strip_suffix(b"\n").unwrap_or(event).iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// A line for people. What is in it ends no line and begins none.
fn line(text: &str) -> String {
    crate::harmless::harmless(text)
}

/// The same with colours. They are ours, or at worst somebody colours his words: the subscriber hands
/// fields on as they are.
fn line_in_colours(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        if steers(c) && !(c == '\u{1b}' && is_colour(&text[at + 1..])) {
            line.extend(c.escape_unicode());
        } else {
            line.push(c);
        }
    }
    line
}

/// Whether what follows an escape character is what the subscriber writes: a colour, bold, dim, italic,
/// underlined or none of it. Not what hides text.
fn is_colour(rest: &str) -> bool {
    let Some((codes, _)) = rest.strip_prefix('[').and_then(|rest| rest.split_once('m')) else {
        return false;
    };
    codes.split(';').all(|code| matches!(code.parse::<u8>(), Ok(0..=4 | 30..=37 | 90..=97)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use std::sync::{Arc, Mutex};

    use super::*;

    /// What the subscriber makes of a hostile event, as it is handed to the writer.
    fn logged(ansi: bool) -> String {
        #[derive(Clone, Default)]
        struct Kept(Arc<Mutex<Vec<String>>>);
        impl Write for Kept {
            fn write(&mut self, event: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().push(String::from_utf8_lossy(event).into_owned());
                Ok(event.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(ansi).with_writer(move || writer.clone()).finish();
        let hostile = "a\u{1b}[2J\u{9b}31m\r\nINFO forged\u{202e}b\u{200b}";
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(shown = %hostile, kept = hostile, "an event");
        });
        let events = kept.0.lock().unwrap().clone();
        // Whole, or a line would not be known by its end.
        assert_eq!(events.len(), 1, "{events:?}");
        events.concat()
    }

    #[test]
    fn a_plain_line_is_what_would_be_written() {
        let plain: String = (' '..='~').collect();
        assert!(is_plain(format!("{plain}\n").as_bytes()) && is_plain(b""));
        for written in [harmless_json, line, line_in_colours] {
            assert_eq!(written(&plain), plain);
        }
        for other in ["\n\n", "a\nb", "\t", "\r\n", "\u{1b}[31m", "\u{7f}", "\u{0}", "é"] {
            assert!(!is_plain(other.as_bytes()), "{other:?}");
        }
    }

    #[test]
    fn an_event_is_one_line_that_steers_nothing() {
        let plain = logged(false);
        let plain = line(plain.strip_suffix('\n').unwrap());
        assert!(!plain.contains(steers) && plain.contains("INFO forged\\u{202e}b"), "{plain:?}");
        let coloured = logged(true);
        let coloured = line_in_colours(coloured.strip_suffix('\n').unwrap());
        assert!(coloured.contains("\u{1b}["), "{coloured:?}");
        assert!(!coloured.contains("\u{1b}[2J"), "{coloured:?}");
        assert_eq!(line_in_colours("\u{1b}[31ma\u{1b}[8mb"), "\u{1b}[31ma\\u{1b}[8mb");
        assert!(!coloured.contains(|c| steers(c) && c != '\u{1b}'), "{coloured:?}");
    }
}
