//! The parts of a JSON document, each where it stands. The document must be one: nothing is checked.

use std::ops::Range;

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `{`
    Object,
    /// `[`
    Array,
    /// `}` or `]`
    End,
    /// A string that names a value, with its quotes.
    Key,
    /// A string that is a value, with its quotes.
    String,
    /// A number, `true`, `false` or `null`.
    Word,
}

/// The parts of a document, one after the other.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(json: &'a str) -> Self {
        Self { json, at: 0 }
    }

    /// The byte at which the next part begins: colons, commas and white space are none.
    fn skip(&mut self) -> Option<u8> {
        let rest = &self.json.as_bytes()[self.at..];
        let length = rest.iter().position(|byte| !b" \t\r\n,:".contains(byte))?;
        self.at += length;
        rest.get(length).copied()
    }

    /// Where the string that begins here ends.
    fn end_of_string(&self) -> usize {
        let mut escaped = false;
        for (at, byte) in self.json.bytes().enumerate().skip(self.at + 1) {
            match byte {
                b'"' if !escaped => return at + 1,
                b'\\' => escaped = !escaped,
                _ => escaped = false,
            }
        }
        self.json.len()
    }

    fn end_of_word(&self) -> usize {
        let rest = &self.json[self.at..];
        let end = rest.find(|c: char| c.is_ascii_whitespace() || ",]}".contains(c));
        end.map_or(self.json.len(), |length| self.at + length)
    }
}

impl Iterator for Tokens<'_> {
    type Item = (Kind, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.skip()?;
        let begin = self.at;
        let kind = match first {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'}' | b']' => Kind::End,
            b'"' => {
                self.at = self.end_of_string();
                let behind = self.json[self.at..].trim_ascii_start();
                let kind = if behind.starts_with(':') { Kind::Key } else { Kind::String };
                return Some((kind, begin..self.at));
            }
            _ => {
                self.at = self.end_of_word();
                return Some((Kind::Word, begin..self.at));
            }
        };
        self.at += 1;
        Some((kind, begin..self.at))
    }
}

/// What a string of JSON says, with or without its quotes. What is no escape stands as it is.
pub(super) fn unescaped(json: &str) -> String {
    let inner = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or(json);
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let (said, length) = escape(&rest[at..]);
        text.push(said);
        rest = &rest[at + length..];
    }
    text.push_str(rest);
    text
}

/// The character that an escape stands for, and the escape's length.
fn escape(rest: &str) -> (char, usize) {
    let simple = match rest.as_bytes().get(1) {
        Some(b'u') => return unicode(rest),
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(byte @ (b'"' | b'\\' | b'/')) => char::from(*byte),
        _ => return ('\\', 1),
    };
    (simple, 2)
}

/// `\u00e4`, or both halves of a pair. Half a pair is the replacement character.
fn unicode(rest: &str) -> (char, usize) {
    let unit = |at: usize| {
        let digits = rest.get(at..at + 6)?.strip_prefix("\\u")?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(digits)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let Some(first) = unit(0) else { return ('\\', 1) };
    let second = unit(6);
    let units = [first, second.unwrap_or_default()];
    match char::decode_utf16(units).next() {
        Some(Ok(c)) => (c, if c.len_utf16() == 2 { 12 } else { 6 }),
        _ => (char::REPLACEMENT_CHARACTER, 6),
    }
}

#[cfg(test)]
mod tests {
    use super::Kind::{Array, End, Key, Object, String, Word};
    use super::*;

    #[test]
    fn every_part_is_found_where_it_stands() {
        let json = " {\"a\\\"b\" : [1.50, \"x\\\\\", true ] ,\"c\":{} , \"d\":\"\"}";
        let parts: Vec<(Kind, &str)> =
            Tokens::new(json).map(|(kind, range)| (kind, &json[range])).collect();
        assert_eq!(
            parts,
            [
                (Object, "{"),
                (Key, "\"a\\\"b\""),
                (Array, "["),
                (Word, "1.50"),
                (String, "\"x\\\\\""),
                (Word, "true"),
                (End, "]"),
                (Key, "\"c\""),
                (Object, "{"),
                (End, "}"),
                (Key, "\"d\""),
                (String, "\"\""),
                (End, "}"),
            ]
        );
        let alone: Vec<_> = Tokens::new("\"x\"").collect();
        assert_eq!(alone, [(String, 0..3)]);
        assert_eq!(Tokens::new("  ").next(), None);
    }

    #[test]
    fn escapes_say_what_they_stand_for() {
        for (json, text) in [
            (r#""\u0065mail""#, "email"),
            (r#""\ud83d\ude00!""#, "\u{1f600}!"),
            (r#""\ud83d""#, "\u{fffd}"),
            (r#""\ud83dx\ude00""#, "\u{fffd}x\u{fffd}"),
            (r#""a\"\\\/\n\tb""#, "a\"\\/\n\tb"),
            (r#""ü""#, "ü"),
            (r"\u00", r"\u00"),
            (r"\u+123 \x \", r"\u+123 \x \"),
            (r"\u00ü", r"\u00ü"),
            ("\"", "\""),
        ] {
            assert_eq!(unescaped(json), text, "{json}");
        }
    }
}
