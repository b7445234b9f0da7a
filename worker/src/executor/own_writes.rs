//! Changes that the app itself made at HubSpot.

use shared::event::{Change, Event};

/// What is done with changes that the app itself made. Acted on, a handler that writes what it
/// listens to would call itself for ever. A deletion for privacy is acted on whoever asked for it:
/// it happens once to a contact.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnWrites {
    pub(crate) handled: bool,
    /// The app's id beside the one each event names.
    pub(crate) app_id: Option<u64>,
}

impl OwnWrites {
    pub(super) fn skips(self, event: &Event) -> bool {
        let apps = event.app_id.into_iter().chain(self.app_id);
        let is_left_out = !self.handled && event.change() != Change::PrivacyDeletion;
        is_left_out && apps.into_iter().any(|app| event.is_own_write(app))
    }
}
