//! The name of a tenant, a destination or a route.

/// The longest, in bytes: names are part of keys and labels.
const MAX_NAME_BYTES: usize = 40;

/// What a name is, in words.
pub(crate) const WHAT_A_NAME_IS: &str =
    "a name has 1 to 40 lower-case letters, digits and `-`, the first of which is no `-`";

/// Whether it is one.
pub(crate) fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=MAX_NAME_BYTES).contains(&text.len())
        && !text.starts_with('-')
        && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        let [longest, longer] = [40, 41].map(|length| "a".repeat(length));
        for name in ["a", "7", "acme-crm", "a--", &longest] {
            assert!(is_name(name), "{name}");
        }
        for text in ["", "-a", "Acme", "a_b", "a.b", "ü", "a b", &longer] {
            assert!(!is_name(text), "{text}");
        }
    }
}
