//! The account that an event comes from, as templates see it.

/// A HubSpot account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portal<'a> {
    /// `62515`.
    pub(crate) id: u64,
    /// `app.hubspot.com`, `app-eu1.hubspot.com`.
    pub(crate) ui_domain: &'a str,
}
