//! An event's bytes, as far as they are shown: whatever they are, nothing in them is taken for
//! markup, and they take up no more room than a page has.

use askama::Template;
use askama::filters::Safe;
use shared::harmless::harmless_bytes;

use super::numbers::size;
use super::part::Part;
use crate::indented::indented;
use crate::records::redaction::Redacted;

/// Bytes of an event that a page shows.
pub(in crate::console) const SHOWN_BYTES: i32 = 64 * 1024;
/// What indenting may make of them: deep nesting takes up room.
const MAX_PRETTY_BYTES: usize = 512 * 1024;

/// The beginning of an event.
pub(in crate::console) struct Payload {
    /// None if it must not be shown.
    bytes: Option<Vec<u8>>,
    /// How many bytes all of it is.
    total: i64,
    is_redacted: bool,
}

impl Payload {
    /// The first bytes of `total`, as they came.
    pub(in crate::console) fn start(bytes: Vec<u8>, total: i64) -> Self {
        Self { bytes: Some(bytes), total, is_redacted: false }
    }

    /// What may be shown of an event whose bytes are `body`.
    pub(in crate::console) fn redacted(event: &Redacted<'_>, body: &[u8]) -> Self {
        let all = event.bytes();
        let shown = usize::try_from(SHOWN_BYTES).unwrap_or_default();
        Self {
            bytes: all.map(|all| all[..shown.min(all.len())].to_vec()),
            total: i64::try_from(all.map_or(0, <[u8]>::len)).unwrap_or(i64::MAX),
            is_redacted: all != Some(body),
        }
    }
}

/// An event, to be read.
#[derive(Default, Template)]
#[template(path = "parts/payload.html")]
pub(in crate::console) struct PayloadView {
    /// With each value on a line of its own, if it is JSON.
    pretty: Option<String>,
    raw: String,
    is_withheld: bool,
    is_redacted: bool,
    /// Whether bytes stand there as `\xff`.
    has_escapes: bool,
    /// How much is shown of how much, if not all is.
    part: Option<(String, String)>,
    /// Where all of it can be had.
    download: String,
}

impl PayloadView {
    /// All of it can be had at `download`.
    pub(in crate::console) fn new(payload: &Payload, download: &str) -> Part<Self> {
        let Payload { bytes, total, is_redacted } = payload;
        let Some(bytes) = bytes else {
            return Safe(Self { is_withheld: true, ..Self::default() });
        };
        let shown = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let is_whole = shown >= *total;
        let is_json = |text: &&str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        let text = std::str::from_utf8(bytes).ok();
        let json = text.filter(|_| is_whole).filter(is_json).filter(|text| fits(text));
        let raw = harmless_bytes(bytes);
        Safe(Self {
            pretty: json.map(|json| harmless_bytes(indented(json).as_bytes())),
            is_withheld: false,
            is_redacted: *is_redacted,
            has_escapes: raw.as_bytes() != bytes,
            part: (!is_whole).then(|| (size(shown), size(*total))),
            download: download.to_owned(),
            raw,
        })
    }
}

/// Whether it stays small when it is indented: a line for each comma and bracket, each as deep as
/// all brackets are.
fn fits(json: &str) -> bool {
    let (mut depth, mut deepest, mut lines) = (0_usize, 0, 0_usize);
    for byte in json.bytes() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
                lines += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                lines += 1;
            }
            b',' => lines += 1,
            _ => {}
        }
    }
    json.len() + lines * (2 * deepest + 1) <= MAX_PRETTY_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(bytes: &[u8], total: usize) -> PayloadView {
        let total = i64::try_from(total).unwrap_or(i64::MAX);
        let Safe(view) = PayloadView::new(&Payload::start(bytes.to_vec(), total), "/x");
        view
    }

    #[test]
    fn json_is_indented_and_other_bytes_are_written_out() {
        let json = view(br#"{"a":[1,2]}"#, 11);
        assert_eq!(json.pretty.as_deref(), Some("{\n  \"a\": [\n    1,\n    2\n  ]\n}"));
        assert!(!json.has_escapes && json.part.is_none());
        let bytes = view(b"\xff<b>\x1b\n", 7);
        assert_eq!((bytes.pretty, &*bytes.raw), (None, "\\xff<b>\\u{1b}\n"));
        assert!(bytes.has_escapes);
    }

    #[test]
    fn what_would_be_large_is_not_indented() {
        let deep = format!("{}{}1{}", "[".repeat(100), "1,".repeat(20_000), "]".repeat(100));
        let deep = view(deep.as_bytes(), deep.len());
        assert!(deep.pretty.is_none() && deep.raw.len() < 50_000);
        let part = view(b"{}", 3_000_000);
        assert_eq!(part.pretty, None);
        assert_eq!(part.part, Some(("2 bytes".to_owned(), "2.8 MiB".to_owned())));
    }
}
