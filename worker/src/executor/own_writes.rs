//! Changes that the app itself made.

use shared::event::Event;

/// What is done with changes that the app itself made. Acted on, a handler that writes what it
/// listens to would call itself for ever. Which these are is the sender's to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnWrites {
    pub(crate) handled: bool,
    /// The app's id beside the one each event names.
    pub(crate) app_id: Option<u64>,
}

impl OwnWrites {
    pub(super) fn skips(self, event: &Event) -> bool {
        !self.handled && event.is_own_write(self.app_id)
    }
}
