//! What a destination says of single events of a batch that it took.
//!
//! Owns how an answer names those that failed. Refuses to guess: an answer that names failures in a way that
//! nobody understands has confirmed nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::verdict::{Answer, Meaning, Overrides};

/// The key of the list.
const FAILURES: &str = "failures";
/// The key as it stands in a text.
const QUOTED: &[u8] = b"\"failures\"";
/// What does not say why it failed may pass.
const UNSAID: u16 = 500;
/// The longest wait that is believed.
const LONGEST: Duration = Duration::from_hours(24);

/// An event that failed: as if it had been answered so alone.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    pub(crate) answer: Answer,
    /// What the destination says, as it says it.
    pub(crate) message: String,
}

/// Why nobody knows which events failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unclear {
    #[error("names failures, but cannot be read to its end as JSON")]
    Unreadable,
    #[error(
        "was not read to its end, and may have named failures there: it broke off, is longer than 64 KiB, or in \
         an encoding that was not asked for"
    )]
    Cut,
    #[error("names failures, but not as a list of {{\"index\": …, \"status\": …}}")]
    Form,
    #[error("names the failure of an event that the batch does not have")]
    Index,
}

/// The events that failed, each by its place in a batch of so many; nothing for an answer that names none.
pub(crate) fn failures(
    body: &[u8],
    is_whole: bool,
    events: usize,
    overrides: &Overrides,
) -> Result<BTreeMap<usize, Failed>, Unclear> {
    let mut failures = BTreeMap::new();
    if !is_whole && may_be_object(body) {
        return Err(Unclear::Cut);
    }
    if !body.windows(QUOTED.len()).any(|part| part == QUOTED) {
        return Ok(failures);
    }
    let said: Value = serde_json::from_slice(body).map_err(|_| Unclear::Unreadable)?;
    for entry in listed(&said)? {
        let (index, failed) = of(entry).ok_or(Unclear::Form)?;
        let index = usize::try_from(index).ok().filter(|index| *index < events);
        let index = index.ok_or(Unclear::Index)?;
        // Said twice, it is tried again if either may pass: that loses nothing.
        let stays = failures.get(&index).is_some_and(|said: &Failed| {
            said.answer.meaning(overrides) != Meaning::Permanent
                || failed.answer.meaning(overrides) == Meaning::Permanent
        });
        if !stays {
            failures.insert(index, failed);
        }
    }
    // Listed as a failure and answered as a success, it is done.
    failures.retain(|_, failed| failed.answer.meaning(overrides) != Meaning::Done);
    Ok(failures)
}

/// Whether an answer that begins so may have the key further on: only an object has.
fn may_be_object(beginning: &[u8]) -> bool {
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
    text.trim_ascii_start().first().is_none_or(|first| *first == b'{')
}

/// The list; some only count, and have counted none.
fn listed(said: &Value) -> Result<&[Value], Unclear> {
    match said.get(FAILURES) {
        None | Some(Value::Null | Value::Bool(false)) => Ok(&[]),
        Some(Value::Number(count)) if count.as_f64() == Some(0.0) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(Unclear::Form),
    }
}

fn of(entry: &Value) -> Option<(u64, Failed)> {
    let index = entry.get("index")?.as_u64()?;
    let status = match entry.get("status") {
        None | Some(Value::Null) => UNSAID,
        Some(status) => status.as_u64().and_then(|status| u16::try_from(status).ok())?,
    };
    if !(100..1000).contains(&status) {
        return None;
    }
    let retry_after = entry.get("retry_after").and_then(Value::as_f64).and_then(wait);
    let message = entry.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
    Some((index, Failed { answer: Answer { status, retry_after, from_proxy: false }, message }))
}

/// A wait in seconds, if it is neither nothing nor nonsense.
fn wait(seconds: f64) -> Option<Duration> {
    let seconds = seconds.min(LONGEST.as_secs_f64());
    Duration::try_from_secs_f64(seconds).ok().filter(|wait| !wait.is_zero())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    fn read(body: &str) -> Result<Vec<(usize, u16)>, Unclear> {
        let failed = failures(body.as_bytes(), true, 3, &Overrides::default())?;
        Ok(failed.into_iter().map(|(index, failed)| (index, failed.answer.status)).collect())
    }

    #[test]
    fn an_answer_that_names_no_failures_confirms_all() {
        for body in [
            "",
            "ok",
            "<html>failures</html>",
            "[]",
            "null",
            "{",
            "{\"ok\":true}",
            r#"{"failures":[]}"#,
            r#"{"failures":null}"#,
            r#"{"failures":false,"successes":3}"#,
            r#"{"failures":0}"#,
            r#"["failures"]"#,
            r#"{"data":{"failures":[{"index":0,"status":422}]}}"#,
        ] {
            assert_eq!(read(body), Ok(vec![]), "{body}");
        }
        for page in [&b"\xff".repeat(70_000)[..], b" <!doctype html>", b"[{\"ok\":true},"] {
            let cut = failures(page, false, 3, &Overrides::default());
            assert!(cut.unwrap().is_empty(), "only an object could name them");
        }
    }

    #[test]
    fn an_answer_that_was_not_read_to_where_it_may_name_failures_confirms_nothing() {
        let long = [&b"{\"results\":\""[..], &b"x".repeat(70_000)].concat();
        let whole = br#"{"failures":[{"index":1,"status":422}]}"#;
        for cut in [&long[..], b"", b" \n", b"{", b"\xef\xbb\xbf {\"ok\":true", whole] {
            let read = failures(cut, false, 3, &Overrides::default());
            assert_eq!(read.unwrap_err(), Unclear::Cut);
        }
    }

    #[test]
    fn each_failure_is_an_answer_of_its_own() {
        let body = r#"{"failures":[
            {"index":2,"status":422,"message":"no such deal","more":{}},
            {"index":0,"status":503,"retry_after":7},
            {"index":1}
        ]}"#;
        assert_eq!(read(body), Ok(vec![(0, 503), (1, 500), (2, 422)]));
        let failed = failures(body.as_bytes(), true, 3, &Overrides::default()).unwrap();
        assert_eq!(failed[&0].answer.retry_after, Some(Duration::from_secs(7)));
        assert_eq!((failed[&1].answer.retry_after, &*failed[&2].message), (None, "no such deal"));
        assert_eq!(failed[&2].answer.meaning(&Overrides::default()), Meaning::Permanent);
        let success = r#"{"failures":[{"index":1,"status":200}]}"#;
        assert_eq!(read(success), Ok(vec![]));
    }

    #[test]
    fn who_is_named_twice_is_tried_again_if_either_may_pass() {
        let body = |one: u16, other: u16| {
            format!(
                r#"{{"failures":[{{"index":1,"status":{one}}},{{"index":1,"status":{other}}}]}}"#
            )
        };
        for (one, other, stands) in
            [(422, 503, 503), (503, 422, 503), (404, 422, 404), (503, 500, 503)]
        {
            assert_eq!(read(&body(one, other)), Ok(vec![(1, stands)]), "{one} {other}");
        }
    }

    #[test]
    fn failures_that_nobody_understands_confirm_nothing() {
        for (body, unclear) in [
            (r#"{"failures":[{"index":1,"status":422}]"#, Unclear::Unreadable),
            (r#"{"failures":[{"index":1,}]}"#, Unclear::Unreadable),
            (r#"{"failures":[{"index":3,"status":422}]}"#, Unclear::Index),
            (r#"{"failures":[{"index":18446744073709551615}]}"#, Unclear::Index),
            (r#"{"failures":[{"index":18446744073709551616}]}"#, Unclear::Form),
            (r#"{"failures":[{"index":-1}]}"#, Unclear::Form),
            (r#"{"failures":[{"index":1.5}]}"#, Unclear::Form),
            (r#"{"failures":[{"index":"1"}]}"#, Unclear::Form),
            (r#"{"failures":[{"status":422}]}"#, Unclear::Form),
            (r#"{"failures":[{"index":1,"status":"422"}]}"#, Unclear::Form),
            (r#"{"failures":[{"index":1,"status":65958}]}"#, Unclear::Form),
            (r#"{"failures":[{"index":1,"status":0}]}"#, Unclear::Form),
            (r#"{"failures":[1]}"#, Unclear::Form),
            (r#"{"failures":2}"#, Unclear::Form),
            (r#"{"failures":true}"#, Unclear::Form),
            (r#"{"failures":{"1":422}}"#, Unclear::Form),
        ] {
            assert_eq!(read(body), Err(unclear), "{body}");
        }
        let deep = format!(r#"{{"failures":{}"#, "[".repeat(60_000));
        assert_eq!(read(&deep), Err(Unclear::Unreadable));
    }

    #[test]
    fn a_wait_is_believed_within_reason() {
        let waits = |text: &str| {
            let body =
                format!(r#"{{"failures":[{{"index":0,"status":429,"retry_after":{text}}}]}}"#);
            let failed = failures(body.as_bytes(), true, 1, &Overrides::default()).unwrap();
            failed[&0].answer.retry_after
        };
        for nonsense in ["0", "-5", "\"soon\"", "[]", "null", "-1e300"] {
            assert_eq!(waits(nonsense), None, "{nonsense}");
        }
        assert_eq!(waits("1.5"), Some(Duration::from_millis(1500)));
        for long in ["86401", "1e300", "18446744073709551615"] {
            assert_eq!(waits(long), Some(LONGEST), "{long}");
        }
    }
}
