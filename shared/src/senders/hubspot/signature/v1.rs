//! Version 1: SHA-256 over secret and body.
//!
//! Owns what is signed. Refuses to judge whether it is accepted: it knows neither URL nor time.

use sha2::{Digest as _, Sha256};

use super::{encoding::Digest, secret::ClientSecret};

pub(super) fn digest(secret: &ClientSecret, body: &[u8]) -> Digest {
    Sha256::new().chain_update(secret.bytes()).chain_update(body).finalize().into()
}
