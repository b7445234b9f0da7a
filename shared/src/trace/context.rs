//! Where in which trace something belongs, as messages carry it: W3C's `traceparent`.

use std::fmt;
use std::str::FromStr;

use opentelemetry::trace::{SpanContext, TraceFlags, TraceState};
use opentelemetry::{SpanId, TraceId};

/// A span's place, in this process or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace, never all zero.
    pub trace_id: TraceId,
    /// The span, never all zero.
    pub span_id: SpanId,
    /// Whether the trace is recorded, by all or by none.
    pub sampled: bool,
}

impl TraceContext {
    const BYTES: usize = 25;

    /// A new trace that is not recorded.
    pub(super) fn random() -> Self {
        let trace_id = TraceId::from(rand::random::<u128>().max(1));
        Self { trace_id, span_id: random_span(), sampled: false }
    }

    /// Another span of the same trace.
    pub(super) fn child(self) -> Self {
        Self { span_id: random_span(), ..self }
    }

    /// As one that another process has told of.
    pub(super) fn remote(self) -> SpanContext {
        self.span_context(true)
    }

    pub(super) fn local(self) -> SpanContext {
        self.span_context(false)
    }

    /// As the data file has it: trace, span, and whether it is recorded.
    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(&self.trace_id.to_bytes());
        bytes[16..24].copy_from_slice(&self.span_id.to_bytes());
        bytes[24] = u8::from(self.sampled);
        bytes
    }

    /// The place of these bytes, if they are one.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().ok()?;
        let trace_id = TraceId::from(u128::from_be_bytes(bytes[..16].try_into().ok()?));
        let span_id = SpanId::from(u64::from_be_bytes(bytes[16..24].try_into().ok()?));
        let is_valid = trace_id != TraceId::INVALID && span_id != SpanId::INVALID;
        is_valid.then_some(Self { trace_id, span_id, sampled: bytes[24] == 1 })
    }

    fn span_context(self, is_remote: bool) -> SpanContext {
        let flags = TraceFlags::default().with_sampled(self.sampled);
        SpanContext::new(self.trace_id, self.span_id, flags, is_remote, TraceState::NONE)
    }
}

fn random_span() -> SpanId {
    SpanId::from(rand::random::<u64>().max(1))
}

/// Writes a `traceparent` of version 00.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace_id, span_id, sampled } = self;
        write!(f, "00-{trace_id}-{span_id}-{:02x}", u8::from(*sampled))
    }
}

/// It is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent")]
pub struct InvalidTraceparent;

/// Reads a `traceparent` by the rules of <https://www.w3.org/TR/trace-context/>: lower-case
/// hexadecimal, no zero ids; a later version may go on after the flags.
impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or(InvalidTraceparent)
    }
}

fn parse(text: &str) -> Option<TraceContext> {
    let mut parts = text.splitn(5, '-');
    let mut hex = |length: usize| {
        let part = parts.next()?;
        let is_hex = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
        (part.len() == length && part.bytes().all(is_hex)).then_some(part)
    };
    let version = hex(2)?;
    let trace_id = u128::from_str_radix(hex(32)?, 16).ok()?;
    let span_id = u64::from_str_radix(hex(16)?, 16).ok()?;
    let flags = u8::from_str_radix(hex(2)?, 16).ok()?;
    let goes_on = parts.next().is_some();
    let is_valid =
        version != "ff" && !(goes_on && version == "00") && trace_id != 0 && span_id != 0;
    is_valid.then(|| TraceContext {
        trace_id: TraceId::from(trace_id),
        span_id: SpanId::from(span_id),
        sampled: flags & 1 == 1,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn what_is_written_is_read() {
        let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
        let context: TraceContext = traceparent.parse().unwrap();
        assert_eq!((context.trace_id.to_string(), context.sampled), (TRACE.to_owned(), true));
        assert_eq!(context.to_string(), traceparent);
        assert_eq!(TraceContext::from_bytes(&context.to_bytes()), Some(context));
        assert_eq!(TraceContext::from_bytes(&[0; TraceContext::BYTES]), None);
        assert_eq!(TraceContext::from_bytes(&[1; TraceContext::BYTES - 1]), None);
        let random = TraceContext::random();
        assert_eq!(random.to_string().parse(), Ok(random));
        assert!(!random.sampled);
    }

    #[test]
    fn a_later_version_may_say_more_and_other_flags_are_not_minded() {
        let later = format!("cc-{TRACE}-00f067aa0ba902b7-03-what-ever");
        assert!(later.parse::<TraceContext>().unwrap().sampled);
        let other = format!("00-{TRACE}-00f067aa0ba902b7-02");
        assert!(!other.parse::<TraceContext>().unwrap().sampled);
    }

    #[test]
    fn what_breaks_the_rules_is_no_context() {
        for wrong in [
            String::new(),
            "00-aa-bb-01".to_owned(),
            format!("00-{TRACE}-00f067aa0ba902b7"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("0-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-+{}-00f067aa0ba902b7-01", &TRACE[1..]),
            format!("00-{TRACE}-00f067aa0ba902b7-1"),
            format!("00-{TRACE}-00f067aa0ba902b7-0é"),
            format!(" 00-{TRACE}-00f067aa0ba902b7-01"),
        ] {
            assert!(wrong.parse::<TraceContext>().is_err(), "{wrong}");
        }
    }
}
