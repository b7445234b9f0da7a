//! What does the same on a command line, to be copied from a page into a terminal.

use std::fmt::Write as _;

use crate::records::dead_letters::Filter;
use crate::when;

/// All there is to know of a letter.
pub(super) fn show(id: i64) -> String {
    format!("worker dead-letters show {id} --payload")
}

/// An action on letters, or the list of those in a state.
pub(super) fn on_filter(action: &str, filter: &Filter) -> String {
    let mut words = vec!["worker dead-letters".to_owned(), action.to_owned()];
    words.extend(filter.ids.iter().map(ToString::to_string));
    let number = |number: Option<i64>| number.map(|number| number.cast_unsigned().to_string());
    let time = |ms: Option<i64>| ms.map(when::exact);
    let flags = [
        ("--problem", filter.fingerprint.clone()),
        ("--code", filter.code.clone()),
        ("--reason", filter.reason.clone()),
        ("--origin", filter.origin.as_ref().map(ToString::to_string)),
        ("--type", filter.subscription_type.clone()),
        ("--object", number(filter.object_id)),
        ("--handler", filter.target.clone()),
        ("--job", number(filter.job_id)),
        ("--died-since", time(filter.since_ms)),
        ("--died-before", time(filter.until_ms)),
    ];
    for (flag, value) in flags {
        if let Some(value) = value {
            words.push(format!("{flag}={}", quoted(&value)));
        }
    }
    if filter.is_empty() && action != "list" {
        words.push("--all".to_owned());
    }
    words.join(" ")
}

/// A word that a shell takes for nothing else, whatever it holds.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    if word.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
        return format!("'{}'", word.replace('\'', "'\\''"));
    }
    // As bash and zsh write what cannot be seen.
    let mut text = "$'".to_owned();
    for c in word.chars() {
        match c {
            '\'' | '\\' => text.extend(['\\', c]),
            ' ' => text.push(c),
            c if c.is_ascii_graphic() => text.push(c),
            // Writing into a String cannot fail.
            c => _ = write!(text, "\\U{:08x}", u32::from(c)),
        }
    }
    text + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_word_to_a_shell_whatever_it_holds() {
        for (word, written) in [
            ("ERP_422", "ERP_422"),
            ("", "''"),
            ("a b; rm -rf /", "'a b; rm -rf /'"),
            ("it's $(x)", "'it'\\''s $(x)'"),
            ("a\n'\\\u{1b}", "$'a\\U0000000a\\'\\\\\\U0000001b'"),
        ] {
            assert_eq!(quoted(word), written);
        }
    }

    #[test]
    fn a_command_says_which_letters() {
        let filter = Filter {
            code: Some("A B".to_owned()),
            until_ms: Some(1_795_253_400_001),
            ..Filter::default()
        };
        let command =
            "worker dead-letters discard --code='A B' --died-before=2026-11-21T09:30:00.001Z";
        assert_eq!(on_filter("discard", &filter), command);
        assert_eq!(on_filter("discard", &Filter::default()), "worker dead-letters discard --all");
        assert_eq!(on_filter("discard", &Filter::of(&[1, 2])), "worker dead-letters discard 1 2");
    }
}
