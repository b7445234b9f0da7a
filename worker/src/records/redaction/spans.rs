//! Which parts of an event must not be shown.

use std::collections::HashSet;
use std::ops::Range;

use super::tokens::{Kind, Tokens, unescaped};

/// Deeper nesting is not looked into: as deep as parsers commonly go.
const MAX_DEPTH: usize = 128;

/// The event is nested too deeply to be looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooDeep;

/// Why a value is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// Its key is one of the names.
    Redacted,
    /// It may be one of the names, and then its siblings below must not be shown.
    Name,
    /// The value of the property that its sibling names.
    Value,
    Other,
}

/// An object or array that has begun and not ended.
struct Open {
    begin: usize,
    /// What the value that comes next means.
    next: Meaning,
    /// Whether it names a property that must not be shown.
    is_named: bool,
    /// Its property's values.
    values: Vec<Range<usize>>,
}

/// The values in `json`, a document, that are of one of `names` (in lower case): those under such a
/// key, and an event's `propertyValue` beside such a `propertyName`. In order, none within another.
pub(super) fn spans(json: &str, names: &HashSet<String>) -> Result<Vec<Range<usize>>, TooDeep> {
    let mut found = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    for (kind, range) in Tokens::new(json) {
        let ended = match kind {
            Kind::Object | Kind::Array => {
                if open.len() == MAX_DEPTH {
                    return Err(TooDeep);
                }
                let (begin, next) = (range.start, Meaning::Other);
                open.push(Open { begin, next, is_named: false, values: Vec::new() });
                continue;
            }
            Kind::Key => {
                if let Some(object) = open.last_mut() {
                    object.next = meaning(&json[range], names);
                }
                continue;
            }
            Kind::String | Kind::Word => range,
            Kind::End => {
                let Some(ended) = open.pop() else { continue };
                if ended.is_named {
                    found.extend(ended.values);
                }
                ended.begin..range.end
            }
        };
        let Some(parent) = open.last_mut() else { continue };
        match std::mem::replace(&mut parent.next, Meaning::Other) {
            Meaning::Redacted => found.push(ended),
            Meaning::Value => parent.values.push(ended),
            Meaning::Name => parent.is_named |= is_in(&json[ended], names),
            Meaning::Other => {}
        }
    }
    // What is within another goes with it.
    found.sort_unstable_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    let mut end = 0;
    found.retain(|span| {
        let is_apart = span.start >= end;
        end = end.max(span.end);
        is_apart
    });
    Ok(found)
}

fn meaning(key: &str, names: &HashSet<String>) -> Meaning {
    let key = folded(key);
    if names.contains(&key) {
        return Meaning::Redacted;
    }
    match &*key {
        "propertyname" => Meaning::Name,
        "propertyvalue" => Meaning::Value,
        _ => Meaning::Other,
    }
}

fn is_in(value: &str, names: &HashSet<String>) -> bool {
    names.contains(&folded(value))
}

/// A string's text as names are compared: whatever the case of its letters.
fn folded(json: &str) -> String {
    unescaped(json).trim().to_lowercase()
}

/// The texts that the parts of a document say: strings and numbers, however deep, but no keys.
pub(super) fn texts(json: &str) -> impl Iterator<Item = &str> {
    Tokens::new(json)
        .filter(|(kind, _)| matches!(kind, Kind::String | Kind::Word))
        .map(|(_, range)| &json[range])
        .filter(|text| *text != "null")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(json: &'a str, names: &[&str]) -> Vec<&'a str> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let spans = spans(json, &names).unwrap_or_default();
        spans.into_iter().map(|span| &json[span]).collect()
    }

    #[test]
    fn a_value_is_found_by_its_key_at_any_depth_and_whatever_it_is() {
        let json = r#"{"email":"a","x":[{"EMAIL":{"email":1,"y":[2]}},[{"e\u006dail" : null}]],
            "emails":"no","y":"email","phone":[1,[2]]}"#;
        assert_eq!(
            found(json, &["email", "phone"]),
            ["\"a\"", r#"{"email":1,"y":[2]}"#, "null", "[1,[2]]"]
        );
    }

    #[test]
    fn a_propertys_value_is_found_whichever_comes_first() {
        for json in [
            r#"{"propertyName":"email","propertyValue":"a"}"#,
            r#"{"propertyValue":"a","propertyName":"email"}"#,
            r#"{"propertyName":" Email","propertyValue":"a"}"#,
            r#"{"propertyName":"phone","propertyName":"email","propertyValue":"a"}"#,
            r#"{"propertyName":"email","propertyName":"phone","propertyValue":"a"}"#,
            r#"[[{"x":{"property\u004eame":"email","propertyValue":"a"}}]]"#,
        ] {
            assert_eq!(found(json, &["email"]), ["\"a\""], "{json}");
        }
        let twice = r#"{"propertyValue":1,"propertyName":"email","propertyValue":{"email":2}}"#;
        assert_eq!(found(twice, &["email"]), ["1", r#"{"email":2}"#]);
        for json in [
            r#"{"propertyName":"emails","propertyValue":"a"}"#,
            r#"{"propertyName":["email"],"propertyValue":"a"}"#,
            r#"{"propertyName":"email","x":{"propertyValue":"a"}}"#,
            r#"{"x":{"propertyName":"email"},"propertyValue":"a"}"#,
            r#"[{"propertyName":"email"},{"propertyValue":"a"}]"#,
            "\"email\"",
            "[]",
        ] {
            assert!(found(json, &["email"]).is_empty(), "{json}");
        }
    }

    #[test]
    fn nesting_is_followed_so_far_and_no_further() {
        let names = HashSet::from(["email".to_owned()]);
        let nested = |depth: usize| {
            let (begin, end) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
            format!(r#"{begin}{{"email":1}}{end}"#)
        };
        assert_eq!(spans(&nested(MAX_DEPTH), &names).map(|spans| spans.len()), Ok(1));
        assert_eq!(spans(&nested(MAX_DEPTH + 1), &names), Err(TooDeep));
        assert_eq!(spans(&nested(8_000_000), &names), Err(TooDeep));
    }

    #[test]
    fn texts_are_values_and_no_keys() {
        let json = r#"{"a":"x","b":[1.5,null,{"c":"y"},true]}"#;
        assert_eq!(texts(json).collect::<Vec<_>>(), ["\"x\"", "1.5", "\"y\"", "true"]);
    }
}
