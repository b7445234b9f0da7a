//! Events as they are shown: what anybody may have sent, made harmless.

use data_encoding::HEXLOWER;
pub(crate) use shared::harmless::{
    cut, harmless, harmless_bytes, harmless_json, harmless_lines, steers,
};

use crate::records::redaction::Redacted;

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

/// Bytes in hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
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
    use super::*;

    #[test]
    fn indenting_changes_no_value() {
        let json = r#" {"a":1e400,"b":[ ],"c":["x, {y}\"[",{"d":-0.10}], "e" : {} } "#;
        let expected = "{\n  \"a\": 1e400,\n  \"b\": [],\n  \"c\": [\n    \"x, {y}\\\"[\",\n    \
            {\n      \"d\": -0.10\n    }\n  ],\n  \"e\": {}\n}";
        assert_eq!(indented(json), expected);
    }
}
