//! The templates that come with Hubline, by name.

use super::body::Gives;

const SHIPPED: [(&str, &str, Gives); 4] = [
    ("deal-stage-alert", include_str!("templates/deal-stage-alert.jinja"), Gives::Json),
    ("flat-record", include_str!("templates/flat-record.jinja"), Gives::Json),
    ("slack-event", include_str!("templates/slack-event.jinja"), Gives::Json),
    ("slack-new-deal", include_str!("templates/slack-new-deal.jinja"), Gives::Json),
];

/// A template's text and what it gives.
pub(super) fn find(name: &str) -> Option<(&'static str, Gives)> {
    let found = SHIPPED.iter().find(|(known, ..)| *known == name);
    found.map(|(_, template, gives)| (*template, *gives))
}

/// All names, sorted.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|(name, ..)| *name)
}
