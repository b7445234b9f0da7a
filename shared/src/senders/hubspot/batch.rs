//! A request's body as the events in it, byte for byte as HubSpot wrote them.
//!
//! Owns where one event ends and the next begins. Refuses to read, repair or re-serialise any of
//! them: a bad element is an element like its neighbours.

use std::borrow::Cow;

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{elements::Elements, value_kind::ValueKind};

/// Most events that one body may hold. HubSpot sends at most 100.
pub const MAX_EVENTS: usize = 10_000;

/// Why a body is not a batch of events. No variant carries content of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsplittable {
    /// Not one complete JSON value.
    #[error("the body is not JSON (line {line}, column {column})")]
    NotJson {
        /// Line of the first fault, from 1.
        line: usize,
        /// Column of the first fault.
        column: usize,
    },
    /// JSON, but neither an array nor an object.
    #[error("the body is {0}, not an array of events")]
    NotABatch(ValueKind),
    /// More elements than [`MAX_EVENTS`].
    #[error("the body holds more than {MAX_EVENTS} events")]
    TooMany,
}

impl From<serde_json::Error> for Unsplittable {
    /// Keeps the place of the fault; serde's own text can quote the body.
    fn from(error: serde_json::Error) -> Self {
        Self::NotJson { line: error.line(), column: error.column() }
    }
}

/// Takes a body apart into its elements, each a slice of `body` without a copy.
///
/// A lone object is a batch of one. Elements need not be events, nor UTF-8.
pub fn split(body: &Bytes) -> Result<Vec<Bytes>, Unsplittable> {
    let text = readable(body);
    let kind = ValueKind::of_json(text.trim_ascii_start());
    let elements = match kind {
        ValueKind::Array => {
            let elements = Elements::read(&text, MAX_EVENTS)?;
            if elements.excess {
                return Err(Unsplittable::TooMany);
            }
            elements.kept
        }
        ValueKind::Object => vec![serde_json::from_str::<&RawValue>(&text)?],
        _ => {
            serde_json::from_str::<IgnoredAny>(&text)?;
            return Err(Unsplittable::NotABatch(kind));
        }
    };
    let slice = |element: &RawValue| {
        let start = element.get().as_ptr().addr() - text.as_ptr().addr();
        body.slice(start..start + element.get().len())
    };
    Ok(elements.into_iter().map(slice).collect())
}

/// The body as text of the same length. A byte that is not UTF-8 can only be harmless within one
/// element's string, so a stand-in of one byte leaves every boundary where it is.
fn readable(body: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(body) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(body.len());
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn parts(body: &[u8]) -> Result<Vec<Bytes>, Unsplittable> {
        split(&Bytes::copy_from_slice(body))
    }

    #[test]
    fn elements_keep_their_bytes_through_odd_whitespace_escapes_and_emoji() {
        let elements = [
            "{ \"a\" :\t1.50 ,\r\n \"a\":1e3 }",
            r#"{"name":"Zo\u00eb \ud83d\ude00 \/ 😀 — ä"}"#,
            r#"{"cut":"\ud83d","quotes":"]}\",[{"}"#,
        ];
        let body = format!(" \n[\t{} ,\r\n{},{}\n] \t", elements[0], elements[1], elements[2]);
        assert_eq!(parts(body.as_bytes()).unwrap(), elements);
    }

    #[test]
    fn elements_are_slices_of_the_body_not_copies() {
        let body = Bytes::from_static(b"[{\"a\":1}]");
        let event = split(&body).unwrap().remove(0);
        assert_eq!(event.as_ptr().addr(), body.as_ptr().addr() + 1);
    }

    #[test]
    fn an_empty_array_is_an_empty_batch() {
        assert_eq!(parts(b"[]").unwrap(), Vec::<Bytes>::new());
        assert_eq!(parts(b" [ \n] ").unwrap(), Vec::<Bytes>::new());
    }

    #[test]
    fn a_lone_object_is_a_batch_of_one() {
        assert_eq!(parts(b" {\"eventId\": 1}\n").unwrap(), ["{\"eventId\": 1}"]);
    }

    #[test]
    fn elements_that_are_no_events_leave_their_neighbours_alone() {
        let body = br#"[{"a":1},null,5,"x",[{"b":2}],true,{}]"#;
        let expected = [r#"{"a":1}"#, "null", "5", r#""x""#, r#"[{"b":2}]"#, "true", "{}"];
        assert_eq!(parts(body).unwrap(), expected);
    }

    #[test]
    fn an_element_that_is_not_utf8_keeps_its_bytes_and_spares_its_neighbours() {
        let first = "{\"a\":\"😀\"}".as_bytes();
        for bad in
            [&b"\xff"[..], b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\x80\x80"]
        {
            let broken = [b"{\"b\":\"", bad, b"\"}"].concat();
            let body = [b"[", first, b",", &broken, b" , ", first, b"]"].concat();
            assert_eq!(parts(&body).unwrap(), [first, &broken, first]);
            assert_eq!(parts(&broken).unwrap(), [&broken[..]]);
        }
    }

    #[test]
    fn deep_nesting_neither_overflows_the_stack_nor_harms_neighbours() {
        let deep = format!("{{\"deep\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let body = format!("[{{\"a\":1}},{deep},{{\"b\":2}}]");
        assert_eq!(parts(body.as_bytes()).unwrap(), [r#"{"a":1}"#, &deep, r#"{"b":2}"#]);
        assert!(matches!(parts("[".repeat(100_000).as_bytes()), Err(Unsplittable::NotJson { .. })));
    }

    #[test]
    fn anything_else_is_not_a_batch() {
        for (body, kind) in [
            ("5", ValueKind::Number),
            (" \"private\"", ValueKind::String),
            ("null", ValueKind::Null),
            ("true", ValueKind::Boolean),
        ] {
            assert_eq!(parts(body.as_bytes()), Err(Unsplittable::NotABatch(kind)));
        }
        for body in
            ["", "  ", "[", "[{}", "[{},]", "[{}]x", "{}{}", "{'private':1}", "private", "nul"]
        {
            let error = parts(body.as_bytes()).unwrap_err();
            assert!(matches!(error, Unsplittable::NotJson { .. }), "{body}");
            assert!(!error.to_string().contains("private"));
        }
        assert!(matches!(parts(b"\xff"), Err(Unsplittable::NotJson { .. })));
    }

    #[test]
    fn the_number_of_events_is_bounded() {
        let body = |count: usize| format!("[{}]", vec!["1"; count].join(","));
        assert_eq!(parts(body(MAX_EVENTS).as_bytes()).unwrap().len(), MAX_EVENTS);
        assert_eq!(parts(body(MAX_EVENTS + 1).as_bytes()), Err(Unsplittable::TooMany));
    }
}
