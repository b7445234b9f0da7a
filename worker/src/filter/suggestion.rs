//! What somebody meant who wrote a word that is none. Refuses to guess far.

use shared::harmless::cut;

use crate::suggestion;

/// Beyond it no word is looked for.
const MAX_BYTES: usize = 40;

/// What other programs call it.
const ALIASES: [(&str, &str); 19] = [
    ("=", "equals"),
    ("==", "equals"),
    ("eq", "equals"),
    ("is", "equals"),
    ("!=", "not_equals"),
    ("ne", "not_equals"),
    ("neq", "not_equals"),
    ("is_not", "not_equals"),
    (">", "greater_than"),
    ("gt", "greater_than"),
    ("<", "less_than"),
    ("lt", "less_than"),
    ("nin", "not_in"),
    ("begins_with", "starts_with"),
    ("contains_token", "contains"),
    ("regex", "matches"),
    ("has_property", "exists"),
    ("is_known", "exists"),
    ("not_has_property", "not_exists"),
];

/// `"equal" is not known, did you mean equals? Allowed: equals, not_equals`.
pub(crate) fn unknown(word: &str, allowed: &[&str]) -> String {
    let meant = nearest(word, allowed);
    let meant = meant.map(|meant| format!(", did you mean {meant}?")).unwrap_or_default();
    let end = if meant.is_empty() { "." } else { "" };
    format!("\"{}\" is not known{meant}{end} Allowed: {}", cut(word, MAX_BYTES), allowed.join(", "))
}

fn nearest<'a>(word: &str, allowed: &[&'a str]) -> Option<&'a str> {
    if word.len() > MAX_BYTES {
        return None;
    }
    let word = word.to_ascii_lowercase().replace(['-', ' '], "_");
    let alias = ALIASES.iter().find(|(alias, _)| *alias == word).map(|(_, name)| *name);
    if let Some(name) = allowed.iter().find(|name| Some(**name) == alias) {
        return Some(name);
    }
    suggestion::nearest(&word, allowed.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_taken_for_the_nearest_or_for_none() {
        let allowed = ["and", "or", "equals", "not_equals", "exists", "in"];
        for (word, meant) in [
            ("AND", Some("and")),
            ("adn", Some("and")),
            ("equal", Some("equals")),
            ("not-equals", Some("not_equals")),
            ("notEquals", Some("not_equals")),
            ("EQ", Some("equals")),
            ("HAS_PROPERTY", Some("exists")),
            ("within", None),
            ("gt", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, &allowed), meant, "{word}");
        }
        assert_eq!(nearest(&"a".repeat(1_000_000), &allowed), None);
        let said = unknown("\u{1b}[2J", &["and", "or"]);
        assert_eq!(said, "\"\\u{1b}[2J\" is not known. Allowed: and, or");
    }
}
