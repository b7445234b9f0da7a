//! How a digest is written in a header: base64 for version 3, hex for versions 1 and 2.
//!
//! Owns that each digest has exactly one spelling. Refuses all others: upper-case hex, base64
//! without padding, of the URL alphabet, or with stray bits at its end.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use data_encoding::HEXLOWER;

/// A SHA-256, keyed or not.
pub(super) type Digest = [u8; 32];

pub(super) fn base64(digest: &Digest) -> String {
    STANDARD.encode(digest)
}

pub(super) fn from_base64(text: &[u8]) -> Option<Digest> {
    // The length is checked first so that the size of a header is no work.
    if text.len() != 44 {
        return None;
    }
    // 44 characters can spell 33 bytes; only 32 are a digest.
    let mut bytes = [0; 33];
    let length = STANDARD.decode_slice(text, &mut bytes).ok()?;
    bytes.get(..length)?.try_into().ok()
}

pub(super) fn hex(digest: &Digest) -> String {
    HEXLOWER.encode(digest)
}

pub(super) fn from_hex(text: &[u8]) -> Option<Digest> {
    if text.len() != 64 {
        return None;
    }
    let mut digest = [0; 32];
    HEXLOWER.decode_mut(text, &mut digest).ok()?;
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_come_back_from_both_spellings() {
        let digest: Digest = std::array::from_fn(|index| u8::try_from(index * 8).unwrap_or(255));
        assert_eq!(from_base64(base64(&digest).as_bytes()), Some(digest));
        assert_eq!(from_hex(hex(&digest).as_bytes()), Some(digest));
    }

    #[test]
    fn a_digest_has_one_spelling() {
        let digest = [0xfb; 32];
        let (standard, hex) = (base64(&digest), hex(&digest));
        for text in [
            String::new(),
            standard.trim_end_matches('=').to_owned(),
            standard.replace('+', "-"),
            standard.replace('+', " "),
            standard.replace("s=", "t="),
            format!(" {standard}"),
            format!("{standard}\n"),
            "A".repeat(44),
            format!("{}==", "A".repeat(42)),
            hex.clone(),
        ] {
            assert_ne!(text, standard);
            assert_eq!(from_base64(text.as_bytes()), None, "{text}");
        }
        for text in
            [String::new(), hex.to_uppercase(), hex[1..].to_owned(), format!("{hex}0"), standard]
        {
            assert_eq!(from_hex(text.as_bytes()), None, "{text}");
        }
        assert_eq!(from_hex(&[b'g'; 64]), None);
    }
}
