//! A secret of Standard Webhooks: `whsec_` and base64 of 24 to 64 bytes.
//!
//! Owns what is one. Refuses to show one, or anything of a text that is none.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};

/// What tells these secrets from others; the specification's libraries do without.
const PREFIX: &str = "whsec_";

/// Bytes of a key, by the specification.
const MIN_BYTES: usize = 24;
const MAX_BYTES: usize = 64;

/// Characters of so many bytes, which spell up to two more.
const MAX_CHARS: usize = MAX_BYTES.div_ceil(3) * 4;

/// Some libraries make secrets without padding, and some with.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The key within such a secret.
#[derive(Clone, Debug)]
pub(crate) struct StandardSecret(SecretSlice<u8>);

/// Why a text is no such secret. No variant carries the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SigningError {
    /// Other characters, or not as many as bytes have.
    #[error(
        "a signing secret is whsec_ followed by 24 to 64 random bytes in base64: this is no base64"
    )]
    NotBase64,
    /// Too few bytes, or too many.
    #[error(
        "a signing secret is whsec_ followed by 24 to 64 random bytes in base64: \
         these are not 24 to 64 bytes"
    )]
    Length,
}

impl StandardSecret {
    /// Takes a secret; whitespace around it, such as a file's last newline, is no part of it.
    pub(super) fn parse(secret: &SecretString) -> Result<Self, SigningError> {
        let text = secret.expose_secret().trim();
        let text = text.strip_prefix(PREFIX).unwrap_or(text);
        if text.len() > MAX_CHARS {
            return Err(SigningError::Length);
        }
        let mut bytes = Zeroizing::new([0_u8; MAX_CHARS / 4 * 3]);
        let length = BASE64.decode_slice(text, &mut *bytes).map_err(|_| SigningError::NotBase64)?;
        if !(MIN_BYTES..=MAX_BYTES).contains(&length) {
            return Err(SigningError::Length);
        }
        Ok(Self(bytes[..length].to_vec().into()))
    }

    /// The key's bytes, for the digest only.
    pub(super) fn bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    fn parse(text: &str) -> Result<Vec<u8>, SigningError> {
        StandardSecret::parse(&text.into()).map(|secret| secret.bytes().to_vec())
    }

    fn spelled(bytes: u8) -> String {
        BASE64.encode((0..bytes).collect::<Vec<_>>())
    }

    #[test]
    fn the_prefix_the_padding_and_whitespace_around_may_be_there_or_not() {
        let key = *b"0123456789abcdefghijklmnop";
        for text in [
            "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3A=",
            "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3A=",
            "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3A",
            " whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3A=\r\n",
        ] {
            assert_eq!(parse(text).unwrap(), key, "{text}");
        }
    }

    #[test]
    fn a_key_has_24_to_64_bytes() {
        for (bytes, is_key) in [(0, false), (23, false), (24, true), (64, true), (65, false)] {
            let expected = is_key.then(|| (0..bytes).collect()).ok_or(SigningError::Length);
            assert_eq!(parse(&format!("whsec_{}", spelled(bytes))), expected, "{bytes}");
        }
        assert_eq!(parse(""), Err(SigningError::Length));
        assert_eq!(parse(&"A".repeat(10_000_000)), Err(SigningError::Length));
    }

    #[test]
    fn what_is_no_secret_is_not_repeated() {
        for text in [
            "correct horse battery staple, and more",
            "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3A==",
            "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3B-_",
            "whsec_whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3A=",
            "whsk_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3A=",
            "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3Aé",
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error, SigningError::NotBase64, "{text}");
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("whsec_ followed by 24 to 64 random bytes in base64"));
            assert!(!shown.contains("MDEyMzQ1") && !shown.contains("horse"), "{shown}");
        }
    }
}
