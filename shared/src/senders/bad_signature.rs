//! What is wrong with a delivery's signature, in words that fit every sender.
//!
//! Owns the stable codes. Refuses to tell a sender whether a stale request was signed well: a time is
//! judged before a digest is.

/// Why a request is not known to come from its sender, in the order in which it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BadSignature {
    /// No signature of an accepted version.
    #[error("no signature of an accepted version")]
    Missing,
    /// The signature's header does not hold a digest, or names no known version.
    #[error("the signature is malformed")]
    Malformed,
    /// A signature that carries a time, without one.
    #[error("the timestamp is missing")]
    TimestampMissing,
    /// The timestamp is not a whole number.
    #[error("the timestamp is malformed")]
    TimestampMalformed,
    /// Signed too long ago.
    #[error("the timestamp is too old")]
    Expired,
    /// Signed too far from now in the future.
    #[error("the timestamp is in the future")]
    InFuture,
    /// No live secret gives this digest for this request.
    #[error("the signature does not match")]
    Mismatch,
}

impl BadSignature {
    /// Every one of them.
    pub const ALL: [Self; 7] = [
        Self::Missing,
        Self::Malformed,
        Self::TimestampMissing,
        Self::TimestampMalformed,
        Self::Expired,
        Self::InFuture,
        Self::Mismatch,
    ];

    /// The code that the answer and the metrics carry. Never changes.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "signature_missing",
            Self::Malformed => "signature_malformed",
            Self::TimestampMissing => "timestamp_missing",
            Self::TimestampMalformed => "timestamp_malformed",
            Self::Expired => "timestamp_expired",
            Self::InFuture => "timestamp_in_future",
            Self::Mismatch => "signature_mismatch",
        }
    }
}
