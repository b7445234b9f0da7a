//! Whether a worker knows its tenants. Until then it takes nothing: what is for a route that it does not know
//! would be for nobody.

use tokio::sync::watch;

/// Known from the start, or once somebody says so.
#[derive(Clone, Debug)]
pub(super) struct Knowing(watch::Sender<bool>);

impl Knowing {
    pub(super) fn new(is_known: bool) -> Self {
        Self(watch::Sender::new(is_known))
    }

    pub(super) fn is_known(&self) -> bool {
        *self.0.borrow()
    }

    pub(super) fn known(&self) {
        self.0.send_if_modified(|is_known| !std::mem::replace(is_known, true));
    }

    /// Until they are known.
    pub(super) async fn wait(&self) {
        // An error would be that nobody can say so any more, and this one can.
        let _ = self.0.subscribe().wait_for(|is_known| *is_known).await;
    }
}
