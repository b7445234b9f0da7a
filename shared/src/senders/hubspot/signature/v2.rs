//! Version 2: SHA-256 over secret, method, URI and body.
//!
//! Owns what is signed. Refuses to judge whether it is accepted: it knows no time.

use sha2::{Digest as _, Sha256};

use super::{encoding::Digest, secret::ClientSecret};

pub(super) fn digest(secret: &ClientSecret, method: &str, uri: &str, body: &[u8]) -> Digest {
    Sha256::new()
        .chain_update(secret.bytes())
        .chain_update(method)
        .chain_update(uri)
        .chain_update(body)
        .finalize()
        .into()
}
