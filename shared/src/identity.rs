//! What makes an event the same event, however often it is delivered.
//!
//! Owns how parts are hashed to an identity, and the identity of what nobody can read. Which parts name
//! an event is its sender's to say.

use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

/// Keeps what could not be read apart from every event that could.
const UNREADABLE_DOMAIN: &[u8] = b"hubline unreadable identity v1";

/// An event's identity: 64 lower-case hex digits, a SHA-256 of what names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(String);

/// A text that is not 64 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event's identity is 64 lower-case hex digits")]
pub struct NotAnIdentity;

impl Identity {
    /// The identity of bytes in which no event can be identified: their own hash, apart from
    /// every event's.
    #[must_use]
    pub fn of_unreadable(bytes: &[u8]) -> Self {
        let mut encoding = Encoding::new(UNREADABLE_DOMAIN);
        encoding.push(bytes);
        encoding.finish()
    }
}

/// As the data file has it: the 32 bytes of the hash.
impl Identity {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        HEXLOWER.decode(self.0.as_bytes()).unwrap_or_default()
    }

    /// The identity of these bytes, if they are 32.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, NotAnIdentity> {
        if bytes.len() == 32 { Ok(Self(HEXLOWER.encode(bytes))) } else { Err(NotAnIdentity) }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl AsRef<str> for Identity {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for Identity {
    type Err = NotAnIdentity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 64 && text.bytes().all(hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAnIdentity)
        }
    }
}

/// Parts in a row, each after its length in eight bytes, so that no two rows of parts encode alike.
/// Hashed as they come.
pub(crate) struct Encoding(Sha256);

impl Encoding {
    /// `domain` names the encoding and its version: another one must carry another name, because an event
    /// in flight during an upgrade would otherwise be done twice without a trace.
    pub(crate) fn new(domain: &[u8]) -> Self {
        let mut encoding = Self(Sha256::new());
        encoding.push(domain);
        encoding
    }

    pub(crate) fn push(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    /// Pushes a set as its count and then each part, sorted: senders promise no order.
    pub(crate) fn push_set(&mut self, mut parts: Vec<&[u8]>) {
        parts.sort_unstable();
        self.0.update((parts.len() as u64).to_be_bytes());
        for part in parts {
            self.push(part);
        }
    }

    pub(crate) fn finish(self) -> Identity {
        Identity(HEXLOWER.encode(&self.0.finalize()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn an_identity_is_read_back_from_its_text() {
        let identity = Identity::of_unreadable(b"[");
        let text = identity.to_string();
        assert_eq!(text.len(), 64);
        assert_eq!(text.parse::<Identity>().unwrap(), identity);
        assert_eq!(identity.as_ref(), text);
        assert_eq!(Identity::from_bytes(&identity.to_bytes()), Ok(identity));
        for length in [0, 31, 33, 64] {
            assert_eq!(Identity::from_bytes(&vec![b'a'; length]), Err(NotAnIdentity), "{length}");
        }
    }

    #[test]
    fn a_text_that_is_not_64_lower_case_hex_digits_is_refused() {
        let identity = Identity::of_unreadable(b"[").to_string();
        for text in [
            "",
            &identity[1..],
            &format!("{identity}0"),
            &format!("g{}", &identity[1..]),
            &"A".repeat(64),
            &"é".repeat(32),
        ] {
            assert_eq!(text.parse::<Identity>(), Err(NotAnIdentity), "{text}");
        }
    }

    #[test]
    fn unreadable_bytes_are_told_apart_by_every_byte() {
        assert_ne!(Identity::of_unreadable(b""), Identity::of_unreadable(b" "));
        assert_eq!(Identity::of_unreadable(b"x"), Identity::of_unreadable(b"x"));
    }

    /// Computed outside this program: a value that changes makes what comes again something new.
    #[test]
    fn the_identity_of_unreadable_bytes_never_changes_between_releases() {
        assert_eq!(
            Identity::of_unreadable(b"not json").as_ref(),
            "1aa3f21b00baf1bbbde61e1d65aa5f525ca2ab78e056f827c3f69e2895b2679c"
        );
    }

    #[test]
    fn the_encoding_does_not_confuse_where_one_part_ends() {
        let hash = |parts: &[&[u8]]| {
            let mut encoding = Encoding::new(b"a test's");
            for part in parts {
                encoding.push(part);
            }
            encoding.finish()
        };
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
        assert_ne!(hash(&[b"a", b""]), hash(&[b"a"]));
    }
}
