//! Which properties of the record a template asks for, as it writes them: `record.amount`,
//! `record["amount"]`.

use std::collections::BTreeSet;

use regex_lite::Regex;

/// So many are read at most.
const MOST: usize = 100;

/// Found in its text: a name in a comment is one too many, and none is too few.
pub(super) fn properties(template: &str) -> BTreeSet<String> {
    let written = r#"\brecord\s*(?:\.\s*|\[\s*["'])([a-z0-9_]{1,100})"#;
    let found = Regex::new(written).map(|written| {
        let names = written.captures_iter(template).map(|found| found[1].to_owned());
        names.take(MOST).collect()
    });
    found.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_however_they_are_written() {
        let template = r#"{{ record.dealname }} {{ record["amount"]|money(record.currency) }}
            {{ event.record_x }} {{ records.other }} {{ record.dealname }}"#;
        let found: Vec<_> = properties(template).into_iter().collect();
        assert_eq!(found, ["amount", "currency", "dealname"]);
    }
}
