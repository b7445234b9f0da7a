//! What came back of a request: all that programs read of it, and the beginning that people see.
//!
//! Owns how much of an answer is read, and that no secret of the request is in what is shown: some repeat what
//! they are sent.

use reqwest::header::{CONTENT_ENCODING, HeaderValue};
use reqwest::{Response, StatusCode};

use crate::clients::http::plain;
use crate::destination::Answer;

/// Answers are read up to here, in bytes; what comes after that is left where it is.
const MAX_ANSWER: usize = 64 * 1024;
/// So much of it is kept for people, in bytes.
const SHOWN: usize = 2 * 1024;
/// So much of it is said in one line, in characters.
pub(super) const SAID: usize = 300;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) answer: Answer,
    /// The beginning of its body, as it came but for secrets.
    pub(crate) beginning: String,
    /// All of it, for programs: it may repeat secrets.
    pub(crate) body: Vec<u8>,
    /// Whether it ended where it was to end, and was not too long.
    pub(crate) is_whole: bool,
}

impl Answered {
    /// What it says, on one short line.
    pub(crate) fn said(&self) -> String {
        plain(&self.beginning, SAID)
    }
}

/// Reads no more than is allowed, so that the connection can be used again. That it breaks off makes no
/// difference to one event: the status has arrived, and with it whether the event has. Nothing is kept of what is
/// encoded in a way that was not asked for: nobody can read it.
pub(super) async fn read(mut response: Response) -> (Vec<u8>, bool) {
    let mut kept = Vec::new();
    if is_encoded(&response) {
        return (kept, false);
    }
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if chunk.len() > MAX_ANSWER - kept.len() => {
                kept.extend_from_slice(&chunk[..MAX_ANSWER - kept.len()]);
                return (kept, false);
            }
            Ok(Some(chunk)) => kept.extend_from_slice(&chunk),
            Ok(None) => return (kept, true),
            Err(_) => return (kept, false),
        }
    }
}

/// Whether there is something that nobody can read.
fn is_encoded(response: &Response) -> bool {
    let is_empty =
        response.status() == StatusCode::NO_CONTENT || response.content_length() == Some(0);
    let mut encodings = response.headers().get_all(CONTENT_ENCODING).iter();
    let is_one = |encoding: &HeaderValue| {
        let encoding = encoding.as_bytes().trim_ascii();
        !encoding.is_empty() && !encoding.eq_ignore_ascii_case(b"identity")
    };
    !is_empty && encodings.any(is_one)
}

/// The beginning of what a destination says, without these: some repeat what they are sent. One that the end
/// cuts through is found as well.
pub(crate) fn beginning(body: &[u8], secrets: &[String]) -> String {
    let longest = secrets.iter().map(String::len).max().unwrap_or_default();
    let body = &body[..body.len().min(SHOWN + longest)];
    let end = SHOWN.min(body.len());
    let (mut kept, mut at) = (Vec::new(), 0);
    while at < end {
        // The longest that begins here: what is in it goes with it.
        let secrets = secrets.iter().map(String::as_bytes).filter(|secret| !secret.is_empty());
        let found = secrets.filter(|secret| body[at..].starts_with(secret)).map(<[u8]>::len).max();
        match found {
            Some(_) => kept.extend_from_slice(b"[secret]"),
            None => kept.push(body[at]),
        }
        at += found.unwrap_or(1);
    }
    // As the records keep it: PostgreSQL takes no NUL in a text.
    let mut text = String::from_utf8_lossy(&kept).replace('\0', "\u{fffd}");
    text.truncate(text.floor_char_boundary(SHOWN));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(body: &[u8]) -> String {
        beginning(body, &["hunter2-hunter2".to_owned(), "hunter2".to_owned(), String::new()])
    }

    #[test]
    fn the_beginning_of_an_answer_is_kept_without_a_secret_or_a_part_of_one() {
        assert_eq!(kept(b"no\nhunter2 hunter2-hunter2!"), "no\n[secret] [secret]!");
        let cut = [&b"x".repeat(SHOWN - 3)[..], b"hunter2-hunter2"].concat();
        assert_eq!(kept(&cut), format!("{}[se", "x".repeat(SHOWN - 3)));
        let shrunk = [&b"hunter2-hunter2".repeat(10)[..], &b"x".repeat(SHOWN - 155), b"hunter2"];
        let shrunk = kept(&shrunk.concat()[..SHOWN + 15 - 13]);
        assert!(!shrunk.contains("hunter"), "{shrunk}");
        let answered = |beginning| Answered {
            answer: Answer { status: 422, retry_after: None, from_proxy: false },
            beginning,
            body: Vec::new(),
            is_whole: true,
        };
        assert_eq!(answered(kept(b" no\n\x1b hunter2 ")).said(), "no   [secret]");
        assert_eq!(answered(kept(&b"y".repeat(5_000))).said().chars().count(), SAID);
    }

    #[test]
    fn what_is_kept_is_bounded_text_whatever_came() {
        assert_eq!(kept(b"\xff\0ok"), "\u{fffd}\u{fffd}ok");
        assert_eq!(kept(b""), "");
        for body in [&b"\xff".repeat(5_000)[..], "ä€".repeat(2_000).as_bytes()] {
            let kept = kept(body);
            assert!((SHOWN - 3..=SHOWN).contains(&kept.len()), "{}", kept.len());
        }
    }
}
