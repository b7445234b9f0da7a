//! One live connection with everything there that is published to, as its channels see it.

use std::fmt;
use std::sync::Arc;

use lapin::Connection;
use tokio::sync::mpsc;

/// What channels publish through.
pub(super) struct Outlet {
    pub(super) connection: Arc<Connection>,
    failures: mpsc::UnboundedSender<lapin::Error>,
}

impl Outlet {
    /// With the failures that its channels will report.
    pub(super) fn on(
        connection: &Arc<Connection>,
    ) -> (Self, mpsc::UnboundedReceiver<lapin::Error>) {
        let (failures, failed) = mpsc::unbounded_channel();
        (Self { connection: Arc::clone(connection), failures }, failed)
    }

    /// Has the connection replaced.
    pub(super) fn fail(&self, error: lapin::Error) {
        let _ = self.failures.send(error);
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outlet")
    }
}
