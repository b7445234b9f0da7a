//! What makes two dead letters the same problem: target, step, code, HTTP status, and the message
//! without what differs from event to event.

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use crate::hex::hex;
use crate::records::key::Key;

mod essence;
#[cfg(test)]
mod tests;

use essence::essence;

/// Raised with every change of the rule: an old problem then stays beside its new self, and both
/// say which rule made them.
pub(super) const RULE: i32 = 1;

/// The fingerprint of an error, 16 hex digits.
pub(in crate::records) fn fingerprint(target: &str, code: &str, message: &str) -> String {
    let mut hash = Sha256::new();
    let parts = [
        &RULE.to_string(),
        target,
        step(message).unwrap_or_default(),
        code,
        &status(message).map(|status| status.to_string()).unwrap_or_default(),
        &essence(message),
    ];
    for part in parts {
        // Each after its length, so that no two lists of parts read alike.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hex(&hash.finalize()[..8])
}

/// The fingerprint as it is kept and shown, under a key of the records' own: a message's words are in
/// it that perhaps must not be shown, and without the key nobody can try words until they fit.
pub(in crate::records) fn keyed(key: &Key, fingerprint: &str) -> String {
    // A key of any length will do.
    let Ok(mut digest) = Hmac::<Sha256>::new_from_slice(key.expose_secret()) else {
        return String::new();
    };
    digest.update(fingerprint.as_bytes());
    hex(&digest.finalize().into_bytes()[..8])
}

/// The step that a message names: ``step `slack` gave …``.
fn step(message: &str) -> Option<&str> {
    message.split_once("step `")?.1.split_once('`').map(|(name, _)| name)
}

/// The HTTP status of a message: the three digits behind `answered`, `status` or `HTTP`.
fn status(message: &str) -> Option<u16> {
    let mut words = message.split(|c: char| c.is_whitespace() || "=():;,".contains(c));
    while let Some(word) = words.next() {
        let announces =
            ["answered", "status", "http"].iter().any(|it| word.eq_ignore_ascii_case(it));
        if !announces {
            continue;
        }
        let number = words.clone().find(|word| !word.is_empty()).and_then(|word| word.parse().ok());
        if let Some(status @ 100..=599) = number {
            return Some(status);
        }
    }
    None
}
