//! Other people's words, made harmless: letters and errors hold what anybody may have sent, and
//! nothing in it may steer a terminal, turn a line around or hide.

use std::fmt::Write as _;

use crate::records::redaction::Redacted;

/// JSON that is the same to a program and does nothing to a terminal.
pub(crate) fn harmless_json(json: &str) -> String {
    let mut harmless = String::with_capacity(json.len());
    for c in json.chars() {
        // Outside of strings there are none of these.
        if steers(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(harmless, "\\u{unit:04x}");
            }
        } else {
            harmless.push(c);
        }
    }
    harmless
}

/// Text with what could steer a terminal written out.
pub(crate) fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) {
            harmless.extend(c.escape_unicode());
        } else {
            harmless.push(c);
        }
    }
    harmless
}

/// The same of bytes: what is no text is written as `\xff`. Lines stay lines.
pub(crate) fn harmless_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for part in chunk.valid().split_inclusive('\n') {
            let line = part.strip_suffix('\n');
            text.push_str(&harmless(line.unwrap_or(part)));
            if line.is_some() {
                text.push('\n');
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Harmless text of at most `width` characters.
pub(crate) fn cut(text: &str, width: usize) -> String {
    let text = harmless(text);
    match text.char_indices().nth(width) {
        None => text,
        Some(_) => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Controls of both kinds, and what turns the direction of text around or hides in it.
pub(crate) fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{61c}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Said in place of an event.
pub(crate) const WITHHELD: &str =
    "not shown: it cannot be read, and names one of REDACT_PROPERTIES";

/// An event for a JSON document: as text, or else in hex, or why it is not shown.
pub(crate) fn payload(event: &Redacted<'_>) -> (&'static str, String) {
    match event.bytes().map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        Some((_, Ok(text))) => ("payload", text.to_owned()),
        Some((bytes, Err(_))) => ("payload_hex", hex(bytes)),
        None => ("payload_withheld", WITHHELD.to_owned()),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing into a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// JSON with each value on a line of its own, nothing in it written anew.
pub(crate) fn indented(json: &str) -> String {
    let (mut out, mut depth, mut in_string, mut escaped) = (String::new(), 0, false, false);
    let mut rest = json.trim().chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(c) = rest.next() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            out.push(c);
            continue;
        }
        match c {
            _ if c.is_whitespace() => {}
            '{' | '[' => {
                out.push(c);
                while rest.peek().is_some_and(|c| c.is_whitespace()) {
                    rest.next();
                }
                if rest.peek().is_some_and(|c| "}]".contains(*c)) {
                    out.extend(rest.next());
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ => {
                in_string = c == '"';
                out.push(c);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    #[test]
    fn nothing_printed_steers_a_terminal() {
        let hostile = "a\u{1b}[2J\u{9b}31m\r\u{7}\u{202e}b\u{7f}\u{2066}\u{feff}";
        for text in [harmless(hostile), harmless_bytes(hostile.as_bytes()), cut(hostile, 500)] {
            assert!(!text.contains(steers), "{text:?}");
            assert!(text.contains("\\u{1b}[2J"), "{text}");
        }
        assert_eq!(harmless_bytes(b"a\nb\xff\x00"), "a\nb\\xff\\u{0}");
    }

    #[test]
    fn json_says_the_same_and_steers_nothing() {
        let hostile = "\u{9b}31m\u{202e}\u{e0001}\u{1b}ü";
        let json = harmless_json(&serde_json::to_string(hostile).unwrap());
        assert!(!json.contains(steers), "{json:?}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), hostile);
    }

    #[test]
    fn indenting_changes_no_value() {
        let json = r#" {"a":1e400,"b":[ ],"c":["x, {y}\"[",{"d":-0.10}], "e" : {} } "#;
        let expected = "{\n  \"a\": 1e400,\n  \"b\": [],\n  \"c\": [\n    \"x, {y}\\\"[\",\n    \
            {\n      \"d\": -0.10\n    }\n  ],\n  \"e\": {}\n}";
        assert_eq!(indented(json), expected);
    }

    #[test]
    fn long_text_is_cut_where_a_character_ends() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
    }
}
