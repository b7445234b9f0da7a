//! One live connection with everything there that is published to, as its channels see it.

use std::fmt;
use std::sync::{Arc, Weak};

use lapin::Connection;
use tokio::sync::mpsc;

use super::dial::Live;
use super::socket::Socket;

/// What channels publish through.
pub(super) struct Outlet {
    pub(super) connection: Arc<Connection>,
    /// Not kept by who publishes: it is taken down once its connection is given up.
    pub(super) socket: Weak<Socket>,
    failures: mpsc::UnboundedSender<lapin::Error>,
}

impl Outlet {
    /// With the failures that its channels will report.
    pub(super) fn on(live: &Live) -> (Self, mpsc::UnboundedReceiver<lapin::Error>) {
        let (failures, failed) = mpsc::unbounded_channel();
        let (connection, socket) = (Arc::clone(&live.connection), Arc::downgrade(&live.socket));
        (Self { connection, socket, failures }, failed)
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
