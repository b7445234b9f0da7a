//! Which lines are logged. What a line looks like is its writer's.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, ParseError};

/// What others log more loudly than it is meant, and how much of it is let through: lapin calls each
/// channel that is closed an error, and looking for a queue that is not there closes one.
const QUIET: [(&str, LevelFilter); 2] =
    [("actix_server", LevelFilter::WARN), ("lapin::channel", LevelFilter::OFF)];

/// The filter that `text` means, a level or more. What is too loud is left out, unless the text names
/// whose it is.
pub(super) fn filter(text: &str) -> Result<EnvFilter, ParseError> {
    let text = if text.trim().is_empty() { "error" } else { text };
    let level = text.split(',').find_map(|part| part.trim().parse().ok());
    let level = level.unwrap_or(LevelFilter::OFF);
    let quiet = QUIET.iter().filter(|(target, _)| {
        let of = target.split("::").next().unwrap_or(target);
        !text.contains(of)
    });
    let quiet = quiet.map(|(target, most)| format!("{target}={}", level.min(*most)));
    let directives: Vec<String> = std::iter::once(text.to_owned()).chain(quiet).collect();
    EnvFilter::try_new(directives.join(","))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use tokio::sync::mpsc;

    use super::super::Line;
    use super::*;

    /// What is logged of five lines.
    fn logged(text: &str) -> Vec<String> {
        let (lines, mut receiver) = mpsc::unbounded_channel();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter(text).unwrap())
            .with_writer(move || Line(lines.clone()))
            .without_time()
            .with_ansi(false)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(target: "lapin::channel", "closed");
            tracing::error!(target: "lapin::socket", "lost");
            tracing::warn!(target: "actix_server", "slow");
            tracing::info!(target: "actix_server", "begun");
            tracing::debug!(target: "worker::executor", "claimed");
        });
        let word = |line: String| line.split_whitespace().next_back().unwrap().to_owned();
        std::iter::from_fn(|| receiver.try_recv().ok()).map(word).collect()
    }

    #[test]
    fn a_level_of_ones_own_leaves_out_what_the_default_leaves_out() {
        assert_eq!(logged("info"), ["lost", "slow"]);
        assert_eq!(logged("warn"), ["lost", "slow"]);
        assert_eq!(logged("error"), ["lost"]);
        assert_eq!(logged("TRACE"), ["lost", "slow", "claimed"]);
        assert_eq!(logged(""), ["lost"]);
        assert_eq!(logged("off"), [""; 0]);
    }

    #[test]
    fn so_does_a_filter_unless_it_names_them() {
        assert_eq!(logged("info,worker=debug"), ["lost", "slow", "claimed"]);
        assert_eq!(logged("worker=debug"), ["claimed"]);
        assert_eq!(logged("warn,lapin=error"), ["closed", "lost", "slow"]);
        assert_eq!(logged("warn,lapin::channel=error"), ["closed", "lost", "slow"]);
        assert_eq!(logged("info,actix_server=info"), ["lost", "slow", "begun"]);
    }
}
