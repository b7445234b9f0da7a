//! Other people's words, made harmless: letters, errors and answers hold what anybody may have sent,
//! and nothing in it may steer a terminal, turn a line around or hide. What does is written out.

use std::fmt::Write as _;

/// Controls of both kinds, and what turns the direction of text around, takes no room in it or is
/// not seen (Unicode's *default ignorable* characters).
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Text on one line.
pub fn harmless(text: &str) -> String {
    written_out(text, |_| false)
}

/// The same where lines and tabs stay.
pub fn harmless_lines(text: &str) -> String {
    written_out(text, |c| matches!(c, '\n' | '\t'))
}

/// The same of bytes: what is no text is written as `\xff`. Lines stay lines.
pub fn harmless_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(&written_out(chunk.valid(), |c| c == '\n'));
        for byte in chunk.invalid() {
            // Writing into a String cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// JSON that is the same to a program and does nothing to a terminal.
pub fn harmless_json(json: &str) -> String {
    let mut harmless = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            // Between values: within a string none of these stands as it is.
            '\n' | '\t' => harmless.push(c),
            '\r' => harmless.push(' '),
            c if steers(c) => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(harmless, "\\u{unit:04x}");
                }
            }
            c => harmless.push(c),
        }
    }
    harmless
}

/// Harmless text of at most `width` characters.
pub fn cut(text: &str, width: usize) -> String {
    let text = harmless(text);
    match text.char_indices().nth(width) {
        None => text,
        Some(_) => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
    }
}

fn written_out(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut harmless = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) && !stays(c) {
            harmless.extend(c.escape_unicode());
        } else {
            harmless.push(c);
        }
    }
    harmless
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    const HOSTILE: &str = "a\u{1b}[2J\u{9b}31m\r\u{7}\u{202e}b\u{7f}\u{2066}\u{feff}\u{200b}\u{ad}\
        \u{e0001}\u{fe0f}\u{3164}";

    #[test]
    fn nothing_printed_steers_a_terminal() {
        let lines = harmless_lines(&format!("{HOSTILE}\n\tb"));
        assert!(lines.ends_with("\n\tb"), "{lines:?}");
        let lines = lines.replace(['\n', '\t'], "");
        for text in
            [harmless(HOSTILE), harmless_bytes(HOSTILE.as_bytes()), cut(HOSTILE, 500), lines]
        {
            assert!(!text.contains(steers), "{text:?}");
            assert!(text.contains("\\u{1b}[2J"), "{text}");
        }
        for c in HOSTILE.chars().filter(|c| !c.is_ascii_graphic()) {
            assert!(steers(c), "{c:?}");
        }
        assert_eq!(harmless("a\nb"), "a\\u{a}b");
        assert_eq!(harmless_bytes(b"a\nb\xff\x00"), "a\nb\\xff\\u{0}");
        // Letters of every script are no harm.
        let people = "Zoë Ångström, Владимир, 山田, हिन्दी, مريم, 🙂";
        assert_eq!(harmless(people), people);
    }

    #[test]
    fn json_says_the_same_and_steers_nothing() {
        let document = serde_json::json!({ "a": HOSTILE, "b": "ü" });
        for json in [document.to_string(), serde_json::to_string_pretty(&document).unwrap()] {
            let harmless = harmless_json(&json.replace('\n', "\r\n"));
            assert!(!harmless.replace('\n', "").contains(steers), "{harmless:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&harmless).unwrap(), document);
        }
    }

    #[test]
    fn long_text_is_cut_where_a_character_ends() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
    }
}
