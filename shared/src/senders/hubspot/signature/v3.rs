//! Version 3: HMAC-SHA256, keyed with the secret, over method, URI, body and timestamp.
//!
//! Owns what is signed. Refuses to read the timestamp: its text is signed as it stands.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{encoding::Digest, secret::ClientSecret};

pub(super) fn digest(
    secret: &ClientSecret,
    method: &str,
    uri: &str,
    body: &[u8],
    timestamp: &[u8],
) -> Digest {
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.bytes()) else {
        unreachable!("HMAC takes a key of any length")
    };
    mac.chain_update(method)
        .chain_update(uri)
        .chain_update(body)
        .chain_update(timestamp)
        .finalize()
        .into_bytes()
        .into()
}
