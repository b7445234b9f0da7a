//! Origins, as people name them.

use shared::origin::{NotAnOrigin, Origin};

/// The origin that people mean: `hubspot/62515`, or a HubSpot account by its number alone.
pub(crate) fn origin_meant(text: &str) -> Result<Origin, NotAnOrigin> {
    match text.parse() {
        Ok(portal_id) => Ok(Origin::hubspot(portal_id)),
        Err(_) => text.parse(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn a_number_alone_is_a_hubspot_account() {
        assert_eq!(origin_meant("62515").unwrap(), Origin::hubspot(62515));
        assert_eq!(origin_meant("hubspot/62515").unwrap(), Origin::hubspot(62515));
        assert!(origin_meant("hubspot/unknown").unwrap().is_unknown());
        for text in ["", "-1", "62515/hubspot", "nobody/1", "hubspot"] {
            assert!(origin_meant(text).is_err(), "{text}");
        }
    }
}
