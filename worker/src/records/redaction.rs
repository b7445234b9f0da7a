//! Redaction: what of an event people are shown. The values of some properties are left out
//! (`REDACT_PROPERTIES`); nothing else is changed: order, doubles and spelling stay.
//!
//! Changes nothing that is kept. Names are compared whatever the case of their letters, and as they
//! read: `"\u0065mail"` is `email`. Text within values is not looked into.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use crate::hex::hex;

mod quotes;
mod sign;
mod spans;
mod tokens;

use quotes::Quotes;
use sign::REDACTED;
use spans::{TooDeep, spans};
use tokens::unescaped;

/// Said in place of an event.
pub(crate) const WITHHELD: &str =
    "not shown: it cannot be read, and names one of REDACT_PROPERTIES";

/// The properties whose values are not shown.
#[derive(Clone, Debug, Default)]
pub struct Redaction {
    /// In lower case.
    names: Arc<HashSet<String>>,
}

/// An event as it may be shown.
#[derive(Clone, Debug)]
pub struct Redacted<'a> {
    /// None if it must not be shown at all.
    bytes: Option<Cow<'a, [u8]>>,
    quotes: Quotes,
}

impl Redaction {
    /// Leaves out the values of these properties; empty names are none.
    pub fn new(names: &[String]) -> Self {
        let names = names.iter().map(|name| name.trim().to_lowercase());
        Self { names: Arc::new(names.filter(|name| !name.is_empty()).collect()) }
    }

    /// Whether anything is left out.
    pub fn is_on(&self) -> bool {
        !self.names.is_empty()
    }

    /// What may be shown of an event, or of whatever came in its place. Bytes that are no JSON, or
    /// nested too deeply, are not shown at all if they name one of the properties.
    pub fn of<'a>(&self, bytes: &'a [u8]) -> Redacted<'a> {
        let all = || Redacted { bytes: Some(Cow::Borrowed(bytes)), quotes: Quotes::default() };
        let nothing = |quotes| Redacted { bytes: None, quotes };
        if !self.is_on() {
            return all();
        }
        let json = std::str::from_utf8(bytes)
            .ok()
            .filter(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
        let Some(json) = json else {
            // It never was an event to any handler, so what was said of it quotes nothing.
            return if self.names_any(bytes) { nothing(Quotes::default()) } else { all() };
        };
        match spans(json, &self.names) {
            Err(TooDeep) if self.names_any(bytes) => nothing(Quotes::unknown()),
            Err(TooDeep) => all(),
            Ok(spans) if spans.is_empty() => all(),
            Ok(spans) => {
                let (mut shown, mut at, mut quotes) = (String::new(), 0, Quotes::default());
                for span in spans {
                    shown.push_str(&json[at..span.start]);
                    shown.push('"');
                    shown.push_str(REDACTED);
                    shown.push('"');
                    at = span.end;
                    quotes.add(&json[span]);
                }
                shown.push_str(&json[at..]);
                Redacted { bytes: Some(Cow::Owned(shown.into_bytes())), quotes }
            }
        }
    }

    /// What may be shown of an answer to an event: neither what it quotes of the values that are left out of
    /// the event, nor those of its own.
    pub(crate) fn answer(&self, event: &Redacted<'_>, answer: &str) -> String {
        match self.of(answer.as_bytes()).bytes() {
            Some(shown) => event.text(&String::from_utf8_lossy(shown)).into_owned(),
            None => WITHHELD.to_owned(),
        }
    }

    /// The same of an event that perhaps is not there any more.
    pub fn of_kept<'a>(&self, bytes: Option<&'a [u8]>) -> Redacted<'a> {
        match bytes {
            Some(bytes) => self.of(bytes),
            None if self.is_on() => Redacted { bytes: None, quotes: Quotes::unknown() },
            None => Redacted { bytes: None, quotes: Quotes::default() },
        }
    }

    /// Whether the bytes have one of the names in them, escaped or not.
    fn names_any(&self, bytes: &[u8]) -> bool {
        let text = unescaped(&String::from_utf8_lossy(bytes)).to_lowercase();
        self.names.iter().any(|name| text.contains(name))
    }
}

impl Redacted<'_> {
    /// The bytes that may be shown; none if they must not be.
    pub fn bytes(&self) -> Option<&[u8]> {
        self.bytes.as_deref()
    }

    /// The event for a JSON document: as text, or else in hex, or why it is not shown.
    pub(crate) fn payload(&self) -> (&'static str, String) {
        match self.bytes().map(|bytes| (bytes, std::str::from_utf8(bytes))) {
            Some((_, Ok(text))) => ("payload", text.to_owned()),
            Some((bytes, Err(_))) => ("payload_hex", hex(bytes)),
            None => ("payload_withheld", WITHHELD.to_owned()),
        }
    }

    /// What may be shown of a text that is about the event, such as its error: what it quotes of
    /// the values is left out.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.quotes.taken_out_of(text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use serde_json::Value;

    use super::*;

    fn redaction() -> Redaction {
        Redaction::new(&["email".to_owned(), " Phone ".to_owned(), String::new()])
    }

    fn shown(bytes: &[u8]) -> Option<String> {
        let redacted = redaction().of(bytes).bytes().map(<[u8]>::to_vec);
        redacted.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    #[test]
    fn an_answer_has_neither_the_events_values_nor_values_of_its_own() {
        let redaction = redaction();
        let event = redaction.of(br#"{"email":"ann@example.com","dealname":"A roof"}"#);
        for (answer, shown) in [
            ("A roof: ann@example.com is taken", "A roof: [redacted] is taken"),
            (
                r#"{"phone": "123", "near": "ANN@example.com"}"#,
                r#"{"phone": "[redacted]", "near": "[redacted]"}"#,
            ),
            // Cut off, it is no JSON any more.
            (r#"{"phone": "1234567", "mess"#, WITHHELD),
            ("no", "no"),
        ] {
            assert_eq!(redaction.answer(&event, answer), shown, "{answer}");
        }
        let off = Redaction::default();
        let event = off.of(br#"{"email":"ann@example.com"}"#);
        assert_eq!(off.answer(&event, "email: ann@example.com"), "email: ann@example.com");
    }

    #[test]
    fn only_the_values_change() {
        let json = " {\"z\":1e400, \"z\":-0.10,\"propertyName\":\"phone\" ,\n\"propertyValue\":\"5\",\
            \"a\":{\"email\":[1,{\"x\":2}]},\"big\":123456789012345678901234567890,\"u\":\"\\u00e4\\/\"} ";
        let expected = json
            .replace("\"propertyValue\":\"5\"", "\"propertyValue\":\"[redacted]\"")
            .replace("[1,{\"x\":2}]", "\"[redacted]\"");
        assert_eq!(shown(json.as_bytes()).unwrap(), expected);
        serde_json::from_str::<serde::de::IgnoredAny>(&expected).unwrap();
    }

    /// Some JSON, of the words that matter and others.
    fn anything(depth: u32) -> Value {
        use rand::RngExt as _;
        let mut rng = rand::rng();
        let word = |number: usize| {
            ["email", "PHONE", "propertyName", "propertyValue", "x", "\"\\", "\u{e4}\u{1f600}"]
                [number]
        };
        let some = rng.random_range(0..4);
        match rng.random_range(0..if depth == 0 { 4 } else { 6 }) {
            0 => Value::Null,
            1 => rng.random_range(-9..9).into(),
            2 => rng.random_bool(0.5).into(),
            3 => word(rng.random_range(0..7)).into(),
            4 => (0..some).map(|_| anything(depth - 1)).collect(),
            _ => Value::Object(
                (0..some)
                    .map(|_| (word(rng.random_range(0..7)).to_owned(), anything(depth - 1)))
                    .collect(),
            ),
        }
    }

    /// The rule, said of values instead of text.
    fn expected(value: &Value) -> Value {
        let names = |name: &str| matches!(&*name.to_lowercase(), "email" | "phone");
        match value {
            Value::Array(values) => values.iter().map(expected).collect(),
            Value::Object(values) => {
                let is_named =
                    values.get("propertyName").and_then(Value::as_str).is_some_and(names);
                let shown = |(key, value): (&String, &Value)| {
                    let is_hidden = names(key) || (is_named && key == "propertyValue");
                    (key.clone(), if is_hidden { REDACTED.into() } else { expected(value) })
                };
                Value::Object(values.iter().map(shown).collect())
            }
            other => other.clone(),
        }
    }

    #[test]
    fn whatever_comes_only_the_named_values_change() {
        for _ in 0..3000 {
            let value = anything(5);
            for json in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                let shown = shown(json.as_bytes()).unwrap();
                assert_eq!(
                    serde_json::from_str::<Value>(&shown).unwrap(),
                    expected(&value),
                    "{json}"
                );
            }
        }
    }

    #[test]
    fn a_batch_of_events_is_looked_through() {
        let json = r#"[{"propertyName":"email","propertyValue":"a"},{"propertyName":"x","propertyValue":"b"}]"#;
        let expected = json.replace("\"a\"", "\"[redacted]\"");
        assert_eq!(shown(json.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn what_is_no_json_is_shown_if_it_names_nothing() {
        for bytes in [&b"\xff\x00{"[..], b"", b"{\"mail\":", b"1 2", b"{'mail': 'x'}"] {
            assert_eq!(redaction().of(bytes).bytes(), Some(bytes));
        }
        for bytes in [
            &b"{\"email\":\"a\""[..],
            b"\xffEMAIL=jane",
            b"{'phone': 'x'}",
            b"{\"email\":1} {}",
            br#"{"\u0065mail":"a""#,
            b"{\"email\":\"\xff\"}",
        ] {
            let redaction = redaction();
            let redacted = redaction.of(bytes);
            assert_eq!(redacted.bytes(), None, "{}", String::from_utf8_lossy(bytes));
            assert_eq!(redacted.text("no object at byte 5"), "no object at byte 5");
        }
    }

    #[test]
    fn what_is_nested_too_deeply_is_not_shown_if_it_names_anything() {
        let nested = |inner: &str| {
            let (begin, end) = ("[".repeat(100_000), "]".repeat(100_000));
            format!("{begin}{inner}{end}").into_bytes()
        };
        assert_eq!(shown(&nested("1")).unwrap().len(), 200_001);
        let deep = nested(r#"{"email":"a"}"#);
        let redaction = redaction();
        let redacted = redaction.of(&deep);
        assert_eq!((redacted.bytes(), &*redacted.text("a is odd")), (None, REDACTED));
    }

    #[test]
    fn an_error_does_not_quote_what_its_event_does_not_show() {
        let redaction = redaction();
        let redacted =
            redaction.of(br#"{"propertyName":"email","propertyValue":"jane@x.de","id":7}"#);
        assert_eq!(redacted.text("jane@x.de of 7 is known"), "[redacted] of 7 is known");
        assert_eq!(redaction.of_kept(None).text("whatever"), REDACTED);
    }

    #[test]
    fn without_names_everything_is_shown() {
        let off = Redaction::new(&[" ".to_owned()]);
        let bytes = br#"{"email":"a"}"#;
        assert!(!off.is_on());
        assert_eq!(off.of(bytes).bytes(), Some(&bytes[..]));
        assert_eq!(off.of_kept(None).text("whatever"), "whatever");
    }
}
