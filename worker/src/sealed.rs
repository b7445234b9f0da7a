//! Secrets at rest: sealed with the operator's keys, so that a copy of a database or of Redis lets nobody in.
//!
//! Owns the format and the rotation: the first key seals, every key opens what it has sealed. What a secret is
//! and whose it is is sealed with it, so that one that was put in the place of another does not open. Refuses
//! to know where sealed secrets are kept, and shows neither a key nor a secret.

use std::fmt;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

/// The number of the format, which is the first byte: this, the key's name, the nonce, what is sealed, its tag.
const FORMAT: u8 = 1;
const NAME_BYTES: usize = 4;
const HEAD_BYTES: usize = 1 + NAME_BYTES + NONCE_LEN;
const KEY_BYTES: usize = 32;
/// Nobody rotates through more of them.
const MOST_KEYS: usize = 16;

/// The keys there are: the first one seals.
pub(crate) struct Keys(Vec<Key>);

struct Key {
    /// Tells which key has sealed something, and nothing of the key.
    name: [u8; NAME_BYTES],
    key: LessSafeKey,
}

/// Why something sealed does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotOpened {
    /// It was sealed with a key that is not among them any more.
    #[error("it was sealed with a key that SECRETS_KEY no longer has")]
    UnknownKey,
    /// It is no sealed secret, or not the one that it should be.
    #[error("it is damaged, or was sealed as something else")]
    Damaged,
}

/// Shows the names of the keys alone.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| key.name)).finish()
    }
}

impl Keys {
    /// Reads one or more keys of 32 bytes in base64, separated by white space or commas. The error quotes none
    /// of them.
    pub(crate) fn parse(text: &SecretString) -> anyhow::Result<Self> {
        let words = text.expose_secret().split(|c: char| c.is_whitespace() || c == ',');
        let keys: Vec<Key> =
            words.filter(|word| !word.is_empty()).map(key).collect::<anyhow::Result<_>>()?;
        anyhow::ensure!(
            !keys.is_empty(),
            "SECRETS_KEY is empty: make one with `openssl rand -base64 32`"
        );
        anyhow::ensure!(keys.len() <= MOST_KEYS, "SECRETS_KEY holds more than {MOST_KEYS} keys");
        for (index, key) in keys.iter().enumerate() {
            let is_new = keys[..index].iter().all(|other| other.name != key.name);
            anyhow::ensure!(is_new, "SECRETS_KEY holds the same key twice");
        }
        Ok(Self(keys))
    }

    /// Seals a secret that is `what`: its kind, and whose it is.
    pub(crate) fn seal(&self, what: &str, secret: &SecretString) -> anyhow::Result<Vec<u8>> {
        let key = self.0.first().context("there is no key")?;
        // Random: two alike are unlikely before some billions were made with one key.
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = secret.expose_secret().as_bytes().to_vec();
        let done = key.key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(what.as_bytes()),
            &mut sealed,
        );
        done.map_err(|_| anyhow::anyhow!("a secret cannot be sealed"))?;
        Ok([&[FORMAT][..], &key.name, &nonce, &sealed].concat())
    }

    /// Opens what was sealed as `what`, with whichever of the keys.
    pub(crate) fn open(&self, what: &str, sealed: &[u8]) -> Result<SecretString, NotOpened> {
        let (head, sealed) = sealed.split_at_checked(HEAD_BYTES).ok_or(NotOpened::Damaged)?;
        let (name, nonce) = head[1..].split_at(NAME_BYTES);
        if head[0] != FORMAT {
            return Err(NotOpened::Damaged);
        }
        let key = self.0.iter().find(|key| key.name == name).ok_or(NotOpened::UnknownKey)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotOpened::Damaged)?;
        let mut text = sealed.to_vec();
        let length = key
            .key
            .open_in_place(nonce, Aad::from(what.as_bytes()), &mut text)
            .map_err(|_| NotOpened::Damaged)?
            .len();
        text.truncate(length);
        String::from_utf8(text).map(SecretString::from).map_err(|_| NotOpened::Damaged)
    }
}

fn key(word: &str) -> anyhow::Result<Key> {
    let wrong = || {
        anyhow::anyhow!(
            "SECRETS_KEY is not a list of keys of {KEY_BYTES} bytes in base64: make one with `openssl rand -base64 32`"
        )
    };
    let bytes = STANDARD.decode(word).map_err(|_| wrong())?;
    anyhow::ensure!(bytes.len() == KEY_BYTES, wrong());
    let digest = Sha256::new_with_prefix("hubline name of a key").chain_update(&bytes).finalize();
    let mut name = [0; NAME_BYTES];
    name.copy_from_slice(&digest[..NAME_BYTES]);
    let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes).map_err(|_| wrong())?;
    Ok(Key { name, key: LessSafeKey::new(key) })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use super::*;

    fn word(byte: u8) -> String {
        STANDARD.encode([byte; KEY_BYTES])
    }

    fn keys(text: &str) -> Keys {
        Keys::parse(&SecretString::from(text.to_owned())).unwrap()
    }

    fn secret() -> SecretString {
        SecretString::from("hunter2".to_owned())
    }

    #[test]
    fn what_was_sealed_opens_as_what_it_is_and_as_nothing_else() {
        let keys = keys(&word(1));
        let sealed = keys.seal("refresh token of hubspot/1", &secret()).unwrap();
        let opened = keys.open("refresh token of hubspot/1", &sealed).unwrap();
        assert_eq!(opened.expose_secret(), "hunter2");
        for other in ["refresh token of hubspot/2", "access token of hubspot/1", ""] {
            assert_eq!(keys.open(other, &sealed).unwrap_err(), NotOpened::Damaged, "{other}");
        }
        let again = keys.seal("refresh token of hubspot/1", &secret()).unwrap();
        assert_ne!(sealed, again, "the same secret looks the same twice");
        assert!(!sealed.windows(7).any(|part| part == b"hunter2"));
    }

    #[test]
    fn every_bit_of_it_counts() {
        let keys = keys(&word(1));
        let sealed = keys.seal("a", &secret()).unwrap();
        for byte in 0..sealed.len() {
            let mut other = sealed.clone();
            other[byte] ^= 1;
            keys.open("a", &other).unwrap_err();
            keys.open("a", &sealed[..byte]).unwrap_err();
        }
    }

    #[test]
    fn keys_are_rotated() {
        let (old, both, new) =
            (keys(&word(1)), keys(&format!("{}\n{}\n", word(2), word(1))), keys(&word(2)));
        let before = old.seal("a", &secret()).unwrap();
        assert_eq!(both.open("a", &before).unwrap().expose_secret(), "hunter2");
        let after = both.seal("a", &secret()).unwrap();
        assert_eq!(new.open("a", &after).unwrap().expose_secret(), "hunter2");
        assert_eq!(old.open("a", &after).unwrap_err(), NotOpened::UnknownKey);
        assert_eq!(new.open("a", &before).unwrap_err(), NotOpened::UnknownKey);
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_quoted() {
        let twice = [word(1), word(1)].join(",");
        let short = STANDARD.encode([7; 16]);
        for wrong in ["", " ,\n", "hunter2", &short, &twice, &format!("{} hunter2", word(1))] {
            let error = Keys::parse(&SecretString::from(wrong.to_owned())).unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains("SECRETS_KEY"), "{error}");
            assert!(!error.contains("hunter2") && !error.contains(&short), "{error}");
        }
        assert!(!format!("{:?}", keys(&word(7))).contains(&word(7)));
    }
}
