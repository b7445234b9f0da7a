//! Logging: JSON lines for machines, readable lines on a terminal.

use std::io::{IsTerminal, Write};

use tokio::sync::mpsc;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::{LogFormat, LogSettings};

/// Starts logging for the whole process into the receiver, a JSON object a line, for a program that
/// shows what it reads there.
pub fn into_lines(filter: &str) -> anyhow::Result<mpsc::UnboundedReceiver<String>> {
    let (lines, receiver) = mpsc::unbounded_channel();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(filter)?)
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
    let filter = EnvFilter::try_new(&settings.log_level)
        .map_err(|error| anyhow::anyhow!("LOG_LEVEL is not understood: {error}"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A closed standard error must not take the tasks along that log to it.
        .log_internal_errors(false);
    let pretty = match settings.log_format {
        LogFormat::Json => false,
        LogFormat::Pretty => true,
        LogFormat::Auto => std::io::stderr().is_terminal(),
    };
    if pretty {
        builder
            .with_target(false)
            .with_ansi(std::io::stderr().is_terminal())
            .finish()
            .try_init()?;
    } else {
        builder.json().flatten_event(true).with_current_span(false).finish().try_init()?;
    }
    Ok(())
}
