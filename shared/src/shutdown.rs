//! The signal to stop, as a value that is handed down.

use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Signals that come so soon after the first are the same wish: tools send it to a process and
/// to its group.
const SAME_WISH: Duration = Duration::from_secs(1);

/// A token that is cancelled on the first SIGTERM or SIGINT. A second one ends the process at
/// once with exit code 130: an operator who asks twice does not want to wait.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let cancelled = token.clone();
    tokio::spawn(async move {
        let mut asked: Option<Instant> = None;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            match asked {
                Some(first) if first.elapsed() > SAME_WISH => std::process::exit(130),
                Some(_) => {}
                None => {
                    asked = Some(Instant::now());
                    cancelled.cancel();
                    tracing::info!("signal received: shutting down");
                }
            }
        }
    });
    Ok(token)
}
