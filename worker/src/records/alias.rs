//! What people call events by where values are left out of them. An identity is a plain hash, into
//! which the values went too: whoever sees it can try values until one fits. An alias is the identity's
//! first half under a key of the records' own, which nobody is shown: it tells nothing, is the same in
//! every page and command, and leads back to its event.

use std::sync::Arc;

use aes::Aes256;
use aes::cipher::{Block, BlockDecrypt as _, BlockEncrypt as _, KeyInit as _};
use secrecy::ExposeSecret as _;

use super::database::on_reading;
use super::handle::Records;
use super::key::{Key, Purpose};
use super::redaction::Redaction;
use crate::hex::hex;

/// Letters of an alias, and of an identity's half.
pub(crate) const LETTERS: usize = 32;

/// How people call events.
#[derive(Clone, Debug)]
pub(crate) struct Aliases {
    /// Without redaction identities are shown.
    are_shown: bool,
    cipher: Arc<Aes256>,
}

impl Aliases {
    fn new(key: &Key, redaction: &Redaction) -> Self {
        let cipher = Arc::new(Aes256::new(key.expose_secret().into()));
        Self { are_shown: redaction.is_on(), cipher }
    }

    /// What people are shown of an identity.
    pub(crate) fn shown(&self, identity: &str) -> String {
        if self.are_shown { self.alias_of(identity) } else { identity.to_owned() }
    }

    /// The alias, redaction or not: for what is kept and read by people later.
    pub(crate) fn alias_of(&self, identity: &str) -> String {
        // Nothing else is an identity, and nothing else is shown as it is.
        let Some(mut block) = identity.get(..LETTERS).and_then(block) else { return String::new() };
        self.cipher.encrypt_block(&mut block);
        hex(&block)
    }

    /// The beginning of the identity that people mean by this; none if they mean none.
    pub(crate) fn meant(&self, name: &str) -> Option<String> {
        if !self.are_shown {
            return Some(name.to_owned());
        }
        let mut block = block(name)?;
        self.cipher.decrypt_block(&mut block);
        Some(hex(&block))
    }
}

fn block(text: &str) -> Option<Block<Aes256>> {
    if text.len() != LETTERS || !text.is_ascii() {
        return None;
    }
    let bytes: Option<Vec<u8>> =
        (0..LETTERS).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect();
    bytes.map(|bytes| Block::<Aes256>::clone_from_slice(&bytes))
}

impl Records {
    /// How people call events.
    pub(crate) async fn aliases(&self, redaction: &Redaction) -> anyhow::Result<Aliases> {
        let key = self.key(Purpose::Aliases).await?;
        Ok(Aliases::new(&key, redaction))
    }

    /// The whole identity of the one event that people mean by this, if the records have it.
    pub(crate) async fn identity_meant(
        &self,
        aliases: &Aliases,
        name: &str,
    ) -> anyhow::Result<Option<String>> {
        let Some(start) = aliases.meant(name) else { return Ok(None) };
        let database = self.ready().await?;
        let select = "SELECT identity FROM event_log WHERE identity >= $1 AND identity < $2 \
            UNION ALL SELECT identity FROM dead_letter WHERE identity >= $1 AND identity < $2 \
            LIMIT 1";
        Ok(on_reading!(database, pool => {
            sqlx::query_scalar(select)
                .bind(&start)
                .bind(format!("{start}g"))
                .fetch_optional(pool)
                .await?
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aliases(byte: u8, names: &[&str]) -> Aliases {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        Aliases::new(&Key::new(Box::new([byte; 32])), &Redaction::new(&names))
    }

    #[test]
    fn an_alias_leads_back_and_tells_nothing() {
        let identity = "3c5ca12c".repeat(8);
        let (one, other) = (aliases(1, &["email"]), aliases(2, &["email"]));
        let alias = one.shown(&identity);
        assert_eq!(alias.len(), LETTERS);
        assert!(!alias.contains("3c5ca12c") && alias != other.shown(&identity), "{alias}");
        assert_eq!(one.meant(&alias).as_deref(), Some(&identity[..LETTERS]));
        // The same whoever asks; another event has another one.
        assert_eq!(one.shown(&identity), alias);
        assert_ne!(one.shown(&"3c5ca12d".repeat(8)), alias);
        // Nobody finds out whether a guess is right: neither an identity nor its beginning is meant.
        for guess in [&*identity, &identity[..8], "", "x"] {
            assert_eq!(one.meant(guess), None, "{guess}");
        }
        assert_ne!(one.meant(&identity[..LETTERS]).as_deref(), Some(&identity[..LETTERS]));
        assert_eq!(one.shown("no identity"), "");
        assert!(!format!("{one:?}").contains("[1, 1"));
    }

    #[test]
    fn without_redaction_identities_are_shown() {
        let identity = "3c5ca12c".repeat(8);
        let open = aliases(1, &[]);
        assert_eq!(open.shown(&identity), identity);
        assert_eq!(open.meant("3c5c").as_deref(), Some("3c5c"));
        assert_eq!(open.alias_of(&identity), aliases(1, &["email"]).shown(&identity));
    }
}
