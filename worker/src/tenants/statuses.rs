//! Which answers of a destination mean something else than usual.

use std::collections::BTreeSet;

use toml::de::DeValue;

use super::section::Section;
use super::value::{kind, number};

/// The statuses in the list `key`: 400 to 499.
pub(crate) fn statuses(section: &Section<'_>, key: &str) -> BTreeSet<u16> {
    let Some(value) = section.value(key) else { return BTreeSet::new() };
    let DeValue::Array(list) = value.get_ref() else {
        let message = format!("must be a list, such as [404], not {}", kind(value.get_ref()));
        section.fault(key, message);
        return BTreeSet::new();
    };
    let read = |status: &toml::Spanned<DeValue<'_>>| {
        let number = number(status.get_ref(), &(400..=499));
        number.map_err(|message| section.fault_at(status.span().start, key, message)).ok()
    };
    list.iter().filter_map(read).collect()
}
