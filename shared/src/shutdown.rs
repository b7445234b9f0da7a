//! The signal to stop, as a value that is handed down.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled on the first SIGTERM or SIGINT. A second one ends the process at
/// once with exit code 130: an operator who asks twice does not want to wait.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let cancelled = token.clone();
    tokio::spawn(async move {
        let mut asked = false;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if asked {
                std::process::exit(130);
            }
            asked = true;
            cancelled.cancel();
            tracing::info!("signal received: shutting down");
        }
    });
    Ok(token)
}
