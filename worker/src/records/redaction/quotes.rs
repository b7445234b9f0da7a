//! Texts that quote what must not be shown: an API repeats in its refusal what it was sent.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use super::sign::REDACTED;
use super::spans::texts;
use super::tokens::unescaped;

/// A quotation may be cut off anywhere behind so many bytes.
const BEGINNING: usize = 12;
/// What is this short may stand in any word: only by itself it is a quotation.
const SHORT: usize = 3;
/// More values are not looked for: then no text is shown.
const MAX_VALUES: usize = 200;

/// The values that are looked for, as they are compared.
#[derive(Clone, Debug, Default)]
pub(super) struct Quotes {
    values: BTreeSet<Vec<u8>>,
    is_unknown: bool,
}

impl Quotes {
    /// Nothing is known of the values: they may be anywhere.
    pub(super) fn unknown() -> Self {
        Self { is_unknown: true, ..Self::default() }
    }

    /// Adds the values in a part of an event: as they read, and as JSON spells them.
    pub(super) fn add(&mut self, json: &str) {
        for text in texts(json) {
            let spelled = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            for value in [&*unescaped(text), spelled.unwrap_or(text)] {
                let value = folded(value.trim());
                if !value.is_empty() {
                    self.values.insert(value);
                }
            }
            if self.values.len() > MAX_VALUES {
                *self = Self::unknown();
            }
            if self.is_unknown {
                return;
            }
        }
    }

    /// `text` with a sign in place of each value.
    pub(super) fn taken_out_of<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.is_unknown && !text.is_empty() {
            return Cow::Borrowed(REDACTED);
        }
        let lower = folded(text);
        let mut found: Vec<Range<usize>> =
            self.values.iter().flat_map(|value| quotations(text, &lower, value)).collect();
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_unstable_by_key(|range| (range.start, range.end));
        let (mut shown, mut at) = (String::with_capacity(text.len()), 0);
        for range in found {
            // One sign for what overlaps or touches.
            if range.start > at || shown.is_empty() {
                shown.push_str(&text[at..range.start.max(at)]);
                shown.push_str(REDACTED);
            }
            at = at.max(range.end);
        }
        shown.push_str(&text[at..]);
        Cow::Owned(shown)
    }
}

/// Where `text` quotes `value`, or a longer one's beginning.
fn quotations(text: &str, lower: &[u8], value: &[u8]) -> Vec<Range<usize>> {
    let needle = &value[..value.len().min(BEGINNING)];
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = find(&lower[from..], needle).map(|at| from + at) {
        let common = lower[at..].iter().zip(value).take_while(|(one, other)| one == other).count();
        let end = text.ceil_char_boundary(at + common);
        let begin = text.floor_char_boundary(at);
        if value.len() > SHORT || stands_alone(text, begin..end) {
            found.push(begin..end);
        }
        from = at + 1;
    }
    found
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle)
}

fn stands_alone(text: &str, range: Range<usize>) -> bool {
    let before = text[..range.start].chars().next_back();
    let behind = text[range.end..].chars().next();
    !before.into_iter().chain(behind).any(char::is_alphanumeric)
}

/// As texts are compared: whatever the case of Latin letters, and controls are as good as blanks.
fn folded(text: &str) -> Vec<u8> {
    let fold = |byte: u8| if byte.is_ascii_control() { b' ' } else { byte.to_ascii_lowercase() };
    text.bytes().map(fold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(json: &str, text: &str) -> String {
        let mut quotes = Quotes::default();
        quotes.add(json);
        quotes.taken_out_of(text).into_owned()
    }

    #[test]
    fn a_quoted_value_is_taken_out_wherever_it_stands() {
        let cases = [
            (r#""jane@x.de""#, "jane@x.de is not valid", "[redacted] is not valid"),
            (r#""jane@x.de""#, "'Jane@X.de','jane@x.de'", "'[redacted]','[redacted]'"),
            (r#""jane@x.de""#, "janet@x.de is", "janet@x.de is"),
            (r#""Jürgen""#, "no Jürgen here", "no [redacted] here"),
            (r#""J\u00fcrgen""#, r"no J\u00fcrgen, no Jürgen", "no [redacted], no [redacted]"),
            (r#""\"b\"""#, r#"say \"b\" or "b""#, "say [redacted] or [redacted]"),
            (r#""a \"b\" c""#, r#"x a \"b\" c, a "b" c"#, "x [redacted], [redacted]"),
            (r#""one\ntwo""#, "said: one two", "said: [redacted]"),
            ("4711.50", "amount 4711.50 of 34711.50", "amount [redacted] of 3[redacted]"),
            (
                r#"{"street":"Elm 5","no":[77]}"#,
                "Elm 5, 77, street",
                "[redacted], [redacted], street",
            ),
            ("null", "null", "null"),
            (r#""""#, "nothing", "nothing"),
            (r#"["aaaa","aaaaaa"]"#, "aaaaaaaa", "[redacted]"),
            (r#"["abcd","cdef"]"#, "xabcdefy", "x[redacted]y"),
        ];
        for (json, text, expected) in cases {
            assert_eq!(shown(json, text), expected, "{json} in {text}");
        }
    }

    #[test]
    fn what_is_short_is_taken_out_only_where_it_stands_alone() {
        assert_eq!(
            shown("4", "answered 422: 4 is odd, (4)"),
            "answered 422: [redacted] is odd, ([redacted])"
        );
        assert_eq!(shown(r#""no""#, "not now, NO"), "not now, [redacted]");
        assert_eq!(shown(r#""ö""#, "schön ö"), "schön [redacted]");
    }

    #[test]
    fn a_long_value_that_was_cut_off_is_a_quotation_all_the_same() {
        let value = "The quick brown fox ".repeat(400);
        let json = format!("\"{value}\"");
        for cut in [12, 13, 700] {
            let text = format!("refused: {}", &value[..cut]);
            assert_eq!(shown(&json, text.trim_end()), "refused: [redacted]", "{cut}");
            let text = format!("refused: {}… and more", &value[..cut].trim_end());
            assert_eq!(shown(&json, &text), "refused: [redacted]… and more", "{cut}");
        }
        // A character cut in the middle of its bytes.
        let json = r#""aaaaaaaaaaaäöü""#;
        assert_eq!(shown(json, "x aaaaaaaaaaaäo"), "x [redacted]o");
        assert_eq!(shown(json, "x aaaaaaaaaaaöx"), "x [redacted]x");
    }

    #[test]
    fn too_many_values_leave_no_text() {
        let many: Vec<String> = (0..2000).map(|number| format!("\"value {number}\"")).collect();
        assert_eq!(shown(&format!("[{}]", many.join(",")), "whatever"), REDACTED);
        assert_eq!(Quotes::unknown().taken_out_of(""), "");
    }
}
